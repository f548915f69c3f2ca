//! Simulated AWS CloudHSM clusters, as settings write them.

use std::path::PathBuf;
use std::str;

use lifecycle::crypto::Secret;
use lifecycle::custom_store::{Cluster, ClusterState, HSMS_MAX, is_cluster_id};

use super::value::{Notation, Value, ValueError};
use crate::document::{self, DocumentError, Fields, Node, quoted};

/// A cluster whose certificate is in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfiguredCluster {
    /// Its id, such as `cluster-2a23b4cdefg`.
    pub id: String,
    /// How many HSMs are active.
    pub active_hsms: u32,
    /// The PEM file with the certificate with which it was initialised.
    pub trust_anchor: PathBuf,
    /// The password of its `kmsuser` account.
    pub kmsuser_password: Secret,
}

/// The configured clusters, each id once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Clusters(Vec<ConfiguredCluster>);

/// A cluster in a flag or variable.
const WORD: &str = "ID|ACTIVE_HSMS|CERTIFICATE_FILE|KMSUSER_PASSWORD";

/// The field that is wrong, and why.
type WrongField = (&'static str, String);

impl ConfiguredCluster {
    fn checked(id: &str, active_hsms: Option<u32>, file: &str, password: &str) -> Result<Self, WrongField> {
        if !is_cluster_id(id) {
            let expected = "expected cluster- and 11 to 16 letters and digits from 2 to 7";
            return Err(("id", format!("{expected}, found {}", quoted(id))));
        }
        let active_hsms = active_hsms.filter(|hsms| *hsms <= HSMS_MAX);
        let active_hsms = active_hsms
            .ok_or_else(|| ("active_hsms", format!("expected a whole number from 0 to {HSMS_MAX}")))?;
        if file.is_empty() {
            return Err(("trust_anchor", "expected the name of a file".to_owned()));
        }
        if !(7..=32).contains(&password.len()) || password.contains(char::is_whitespace) {
            return Err(("kmsuser_password", "expected 7 to 32 characters without a space".to_owned()));
        }
        let kmsuser_password = Secret::new(password.as_bytes().to_vec());
        Ok(Self { id: id.to_owned(), active_hsms, trust_anchor: file.into(), kmsuser_password })
    }

    fn read(node: &Node) -> Result<Self, DocumentError> {
        let known = ["id", "active_hsms", "trust_anchor", "kmsuser_password"];
        let fields = Fields::of(node, "a cluster", &known)?;
        let hsms = match fields.node("active_hsms").map(|node| &node.value) {
            None => Some(2),
            Some(document::Value::Integer(number)) => u32::try_from(*number).ok(),
            Some(_) => None,
        };
        let [id, file, password] = ["id", "trust_anchor", "kmsuser_password"].map(|field| fields.text(field));
        Self::checked(id?, hsms, file?, password?)
            .map_err(|(field, reason)| fields.node(field).unwrap_or(node).error(reason))
    }

    fn parse(text: &str) -> Result<Self, String> {
        let mut parts = text.splitn(4, '|');
        let (Some(id), Some(hsms), Some(file), Some(password)) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(format!("expected {WORD}"));
        };
        Self::checked(id, hsms.parse().ok(), file, password)
            .map_err(|(field, reason)| format!("{field}: {reason}"))
    }

    fn password(&self) -> &str {
        str::from_utf8(self.kmsuser_password.expose()).unwrap_or_default()
    }

    /// The cluster, with the text of its certificate file.
    #[must_use]
    pub fn with_trust_anchor(&self, text: &str) -> Cluster {
        Cluster {
            id: self.id.as_str().into(),
            state: ClusterState::Active,
            active_hsms: self.active_hsms,
            trust_anchor: text.into(),
            backup_of: self.id.as_str().into(),
            failure: None,
            password: Some(self.kmsuser_password.clone()),
        }
    }
}

impl Clusters {
    /// The clusters in the order in which they are given.
    pub fn as_slice(&self) -> &[ConfiguredCluster] {
        &self.0
    }

    fn push(&mut self, cluster: ConfiguredCluster) -> Result<(), String> {
        if self.0.iter().any(|known| known.id == cluster.id) {
            return Err(format!("the cluster {} is given twice", quoted(&cluster.id)));
        }
        self.0.push(cluster);
        Ok(())
    }
}

/// In TOML a list of tables; in a flag or variable words, apart by spaces. No message repeats a password.
impl Value for Clusters {
    const NOTATION: Notation = Notation::List(WORD);

    fn expected() -> String {
        format!("clusters as {WORD}, apart by spaces")
    }

    fn parse(text: &str) -> Option<Self> {
        Self::from_text(text).ok()
    }

    fn from_text(text: &str) -> Result<Self, ValueError> {
        let mut clusters = Self::default();
        for (index, word) in text.split_whitespace().enumerate() {
            ConfiguredCluster::parse(word)
                .and_then(|cluster| clusters.push(cluster))
                .map_err(|reason| ValueError::new(format!("cluster {}: {reason}", index + 1)))?;
        }
        Ok(clusters)
    }

    fn from_node(node: &Node) -> Result<Self, ValueError> {
        let mut clusters = Self::default();
        for element in node.list("clusters")? {
            clusters.push(ConfiguredCluster::read(element)?).map_err(|reason| element.error(reason))?;
        }
        Ok(clusters)
    }

    fn to_text(&self) -> String {
        let word = |cluster: &ConfiguredCluster| {
            let ConfiguredCluster { id, active_hsms, trust_anchor, .. } = cluster;
            format!("{id}|{active_hsms}|{}|{}", trust_anchor.display(), cluster.password())
        };
        self.0.iter().map(word).collect::<Vec<_>>().join(" ")
    }

    fn to_toml(&self) -> String {
        let string = |text: &str| toml::Value::String(text.to_owned()).to_string();
        let table = |cluster: &ConfiguredCluster| {
            format!(
                "{{ id = {}, active_hsms = {}, trust_anchor = {}, kmsuser_password = {} }}",
                string(&cluster.id),
                cluster.active_hsms,
                string(&cluster.trust_anchor.to_string_lossy()),
                string(cluster.password())
            )
        };
        format!("[{}]", self.0.iter().map(table).collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Environment, SettingsFile};

    fn load(text: &str) -> Result<Clusters, String> {
        let file = SettingsFile { name: "c.toml", text };
        let loaded = Config::load(Some(file), &Environment::default(), &[]);
        loaded.map(|loaded| loaded.config.custom_key_stores.clusters).map_err(|error| error.to_string())
    }

    #[test]
    fn clusters_are_tables_of_the_file_or_words() {
        let read = load(
            "[[custom_key_stores.clusters]]\nid = \"cluster-2a23b4cdefg\"\ntrust_anchor = \"ca.pem\"\n\
             kmsuser_password = \"kmsPswd|1\"\n",
        )
        .unwrap();
        let text = "cluster-2a23b4cdefg|2|ca.pem|kmsPswd|1";
        assert_eq!(read, Clusters::from_text(text).unwrap());
        assert_eq!(read.to_text(), text);
        assert_eq!(load(&format!("[custom_key_stores]\nclusters = {}", read.to_toml())).unwrap(), read);
        assert!(!format!("{read:?}").contains("kmsPswd"));
    }

    #[test]
    fn faults_name_the_field_and_no_password() {
        for (word, part) in [
            ("cluster-2a23b4cdefg|2|f", "expected ID"),
            ("cluster|2|f|kmsPswd", "id: "),
            ("cluster-2a23b4cdefg|29|f|kmsPswd", "active_hsms: "),
            ("cluster-2a23b4cdefg|x|f|kmsPswd", "active_hsms: "),
            ("cluster-2a23b4cdefg|2||kmsPswd", "trust_anchor: "),
            ("cluster-2a23b4cdefg|2|f|kmsPsw", "kmsuser_password: "),
            ("cluster-2a23b4cdefg|2|f|kmsPswd cluster-2a23b4cdefg|2|f|kmsPswd", "given twice"),
        ] {
            let error = Clusters::from_text(word).unwrap_err().to_string();
            assert!(error.contains(part), "{word}: {error}");
            assert!(!error.contains("kmsPsw"), "{error}");
        }
    }
}
