//! The model of the server against the model AWS publishes, as a locked `botocore` carries it.
//!
//! The package is installed once into `target/python/parity`; nothing of it is committed.

#![cfg(test)]

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use flate2::read::GzDecoder;
use kms_server::api::error::ErrorCode;
use kms_server::api::model::OPERATIONS;
use kms_server::api::shape::{Bounds, Operation, Output, Sensitivity, Shape, StringShape, Structure};
use kms_server::sts;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;

const BOTOCORE: &str = "1.44.5";

/// Everything that differs from the published model on purpose, because AWS's answers do.
///
/// A check the model lacks, a value the model lacks, or a set that error texts print in another order.
const OVERRIDES: &[&str] = &[
    r"KeyIdType is checked against ^\p{ASCII}+$",
    "SignRequest.SigningAlgorithm also accepts [SYMMETRIC_DEFAULT]",
    "DataKeySpec prints another set",
    "EncryptionAlgorithmSpec prints another order",
    "ExpirationModelType prints another order",
    "KeySpec prints another order",
    "KeyUsageType prints another order",
    "MacAlgorithmSpec prints another order",
    "SigningAlgorithmSpec prints another order",
];

#[test]
fn model_is_the_published_one() {
    compare("kms/2014-11-01", OVERRIDES, |comparison| {
        comparison.operations();
        comparison.exceptions();
    });
}

/// Everything that differs from the published model of STS on purpose.
const STS_OVERRIDES: &[&str] = &[];

#[test]
fn model_of_sts_is_the_published_one() {
    compare(&format!("sts/{}", sts::VERSION), STS_OVERRIDES, |comparison| {
        let published = comparison.model["operations"].as_object().unwrap();
        let theirs: BTreeSet<&str> = published.keys().map(String::as_str).collect();
        let ours: BTreeSet<&str> = sts::operations().map(|(name, _)| name).collect();
        comparison.equal("operations", &ours, &theirs);
        for (name, input) in sts::operations() {
            // Of an operation that is not built, the name is all that there is.
            if let (Some(input), Some(published)) = (input, published.get(name)) {
                comparison.structure(input, text(&published["input"]["shape"]));
            }
        }
    });
}

/// Holds a model against the published one, and fails with all differences that are not documented.
fn compare(service: &str, documented: &[&str], run: impl FnOnce(&mut Comparison<'_>)) {
    let file = published_model(service);
    let model = serde_json::from_slice(&file).unwrap();
    let order: Order = serde_json::from_slice(&file).unwrap();
    let mut comparison =
        Comparison { model: &model, order: &order, differences: Vec::new(), overrides: BTreeSet::new() };
    run(&mut comparison);
    let documented: BTreeSet<String> = documented.iter().map(|text| (*text).to_owned()).collect();
    for text in comparison.overrides.difference(&documented) {
        comparison.differences.push(format!("undocumented override: {text}"));
    }
    for text in documented.difference(&comparison.overrides) {
        comparison.differences.push(format!("documented override that is not there: {text}"));
    }
    let differences = comparison.differences;
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// `service-2.json` of a service and version.
fn published_model(service: &str) -> Vec<u8> {
    static PACKAGES: OnceLock<PathBuf> = OnceLock::new();
    let file = PACKAGES.get_or_init(packages).join(format!("botocore/data/{service}/service-2.json.gz"));
    let file = fs::File::open(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let mut text = Vec::new();
    GzDecoder::new(file).read_to_end(&mut text).unwrap();
    text
}

/// Where the locked packages are, installed first if they are not there yet.
fn packages() -> PathBuf {
    let venv = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("python/parity");
    site_packages(&venv).unwrap_or_else(|| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&venv));
        run(Command::new(venv.join("bin/python"))
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"])
            .arg(format!("botocore=={BOTOCORE}")));
        site_packages(&venv).expect("botocore is installed")
    })
}

/// The members of every structure as they stand in the file, in which order violations are told: a [`Value`] sorts them.
#[derive(Deserialize)]
struct Order {
    shapes: BTreeMap<String, Members>,
}

#[derive(Deserialize)]
struct Members {
    #[serde(default)]
    members: Names,
}

/// The names of a JSON object, in order.
#[derive(Default)]
struct Names(Vec<String>);

impl<'de> Deserialize<'de> for Names {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;
        impl<'de> Visitor<'de> for Keys {
            type Value = Names;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Names, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Names(names))
            }
        }
        deserializer.deserialize_map(Keys)
    }
}

/// Where the locked version is installed. Its `RECORD` is the last file that pip writes.
fn site_packages(venv: &Path) -> Option<PathBuf> {
    let pythons = fs::read_dir(venv.join("lib")).ok()?;
    pythons
        .map(|python| python.unwrap().path().join("site-packages"))
        .find(|packages| packages.join(format!("botocore-{BOTOCORE}.dist-info/RECORD")).exists())
}

fn run(command: &mut Command) {
    let status = command.status().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(status.success(), "{command:?}: {status}");
}

struct Comparison<'a> {
    model: &'a Value,
    order: &'a Order,
    differences: Vec<String>,
    overrides: BTreeSet<String>,
}

impl Comparison<'_> {
    fn operations(&mut self) {
        let published = self.model["operations"].as_object().unwrap();
        let theirs: BTreeSet<&str> = published.keys().map(String::as_str).collect();
        let ours: BTreeSet<&str> = OPERATIONS.iter().map(|operation| operation.name).collect();
        self.equal("operations", &ours, &theirs);
        for operation in OPERATIONS {
            if let Some(published) = published.get(operation.name) {
                self.operation(operation, published);
            }
        }
    }

    fn operation(&mut self, ours: &Operation, theirs: &Value) {
        let errors: Vec<&str> = ours.errors.iter().map(|code| code.name()).collect();
        let none = Vec::new();
        let published = theirs["errors"].as_array().unwrap_or(&none);
        let published: Vec<&str> = published.iter().map(|error| text(&error["shape"])).collect();
        self.equal(&format!("{} errors", ours.name), &errors, &published);
        self.structure(ours.input, text(&theirs["input"]["shape"]));
        let output = theirs["output"]["shape"].as_str();
        match (ours.output, output) {
            (Output::NoBody, None) => {}
            (Output::Empty, Some(shape)) => {
                let members = self.model["shapes"][shape]["members"].as_object().unwrap();
                self.equal(&format!("{shape} members"), &0, &members.len());
            }
            (Output::Structure(structure), Some(shape)) => self.structure(structure, shape),
            (ours, theirs) => self.differences.push(format!("output: {ours:?} here, {theirs:?} published")),
        }
    }

    /// Every modelled exception has a code, and the faults of the service are its 500s.
    fn exceptions(&mut self) {
        for (name, shape) in self.model["shapes"].as_object().unwrap() {
            if shape["exception"] != true {
                continue;
            }
            let code = ErrorCode::ALL.iter().find(|code| code.name() == name);
            let status = if shape["fault"] == true { 500 } else { 400 };
            self.equal(&format!("{name} status"), &code.map(|code| code.status()), &Some(status));
        }
    }

    fn structure(&mut self, ours: &Structure, name: &str) {
        let theirs = &self.model["shapes"][name];
        self.equal("structure name", &ours.name, &name);
        self.equal(&format!("{name} type"), &"structure", &text(&theirs["type"]));
        let members = theirs["members"].as_object().unwrap();
        let published: Vec<&str> = self.order.shapes[name].members.0.iter().map(String::as_str).collect();
        let names: Vec<&str> = ours.members.iter().map(|member| member.name).collect();
        self.equal(&format!("{name} members"), &names, &published);
        let none = Vec::new();
        let required = theirs["required"].as_array().unwrap_or(&none);
        let published: BTreeSet<&str> = required.iter().map(text).collect();
        let names = ours.members.iter().filter(|member| member.required).map(|member| member.name).collect();
        self.equal(&format!("{name} required"), &names, &published);
        for member in ours.members {
            if let Some(published) = members.get(member.name) {
                self.shape(&format!("{name}.{}", member.name), member.shape, text(&published["shape"]));
            }
        }
    }

    fn shape(&mut self, path: &str, ours: &Shape, name: &str) {
        let theirs = &self.model["shapes"][name];
        let (kind, bounds) = match ours {
            Shape::String(shape) => ("string", shape.length),
            Shape::Enum(_) => ("string", Bounds::NONE),
            Shape::Blob { length, .. } => ("blob", *length),
            Shape::Integer(range) => ("integer", *range),
            Shape::Boolean => ("boolean", Bounds::NONE),
            Shape::Timestamp => ("timestamp", Bounds::NONE),
            Shape::List { length, .. } => ("list", *length),
            Shape::Map { .. } => ("map", Bounds::NONE),
            Shape::Structure(structure) => return self.structure(structure, name),
        };
        self.equal(&format!("{path} type"), &kind, &text(&theirs["type"]));
        let published = Bounds { min: theirs["min"].as_i64(), max: theirs["max"].as_i64() };
        self.equal(&format!("{path} bounds"), &bounds, &published);
        self.sensitivity(path, ours, theirs);
        self.pattern(path, ours, name);
        self.values(path, ours, theirs);
        match ours {
            Shape::List { member, .. } => {
                self.shape(&format!("{path}[]"), member, text(&theirs["member"]["shape"]));
            }
            Shape::Map { key, value } => {
                self.shape(&format!("{path} key"), &Shape::String(**key), text(&theirs["key"]["shape"]));
                self.shape(
                    &format!("{path} value"),
                    &Shape::String(**value),
                    text(&theirs["value"]["shape"]),
                );
            }
            _ => {}
        }
    }

    fn sensitivity(&mut self, path: &str, ours: &Shape, theirs: &Value) {
        let ours = match ours {
            Shape::String(StringShape { sensitivity, .. }) | Shape::Blob { sensitivity, .. } => *sensitivity,
            _ => Sensitivity::Public,
        };
        let published = theirs["sensitive"] == true;
        self.equal(&format!("{path} sensitive"), &(ours == Sensitivity::Sensitive), &published);
    }

    fn pattern(&mut self, path: &str, ours: &Shape, name: &str) {
        let ours = match ours {
            Shape::String(shape) => shape.pattern,
            _ => None,
        };
        let published = self.model["shapes"][name]["pattern"].as_str();
        self.equal(&format!("{path} pattern"), &ours.and_then(|pattern| pattern.model), &published);
        match ours {
            Some(pattern) if pattern.model != Some(pattern.printed) => {
                self.overrides.insert(format!("{name} is checked against {}", pattern.printed));
            }
            _ => {}
        }
    }

    fn values(&mut self, path: &str, ours: &Shape, theirs: &Value) {
        let published: Option<Vec<&str>> =
            theirs["enum"].as_array().map(|values| values.iter().map(text).collect());
        let Shape::Enum(shape) = ours else {
            return self.equal(&format!("{path} values"), &None, &published);
        };
        self.equal(&format!("{path} values"), &Some(shape.values.to_vec()), &published);
        if !shape.also_accepted.is_empty() {
            self.overrides.insert(format!("{path} also accepts [{}]", shape.also_accepted.join(", ")));
        }
        if shape.printed != shape.values {
            let same = BTreeSet::from_iter(shape.printed) == BTreeSet::from_iter(shape.values);
            let what = if same { "order" } else { "set" };
            self.overrides.insert(format!("{} prints another {what}", shape.name));
        }
    }

    fn equal<T: PartialEq + std::fmt::Debug>(&mut self, what: &str, ours: &T, theirs: &T) {
        if ours != theirs {
            self.differences.push(format!("{what}: {ours:?} here, {theirs:?} published"));
        }
    }
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("not a string: {value}"))
}
