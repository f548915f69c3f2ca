//! The commands of scenarios, carried out by the sample world.

use super::SampleWorld;
use crate::at_rest::backup::{Consistency, GlobalTableVersion};
use crate::at_rest::error::Refusal;
use crate::at_rest::input::{Feature, Input, ReplicaKey, Source};
use crate::at_rest::name::{Caller, Structure};
use crate::at_rest::operation::Operation;
use crate::at_rest::sample::keeper::{ScenarioKms, Scene};
use crate::at_rest::sample::scenario::{World, read_span};
use crate::at_rest::settings::Span;
use crate::at_rest::sse::SseSpecification;
use crate::ids::KeyArn;

impl<K: ScenarioKms> SampleWorld<K> {
    /// `under A`, `under owned`, `under managed`, or nothing.
    fn sse(&self, words: &[&str]) -> Result<Option<SseSpecification>, String> {
        Ok(match words {
            [] => None,
            ["under", "owned", ..] => Some(SseSpecification::owned()),
            ["under", "managed", ..] => Some(SseSpecification::managed()),
            ["under", key, ..] => Some(SseSpecification::kms(&self.key_id(key))),
            other => return Err(format!("not a key: {}", other.join(" "))),
        })
    }

    /// The ARN behind a name of a scenario, or with `id/` before it the bare id; anything else stands for itself.
    fn key_id(&self, name: &str) -> String {
        if let Some(key) = name.strip_prefix("id/").and_then(|name| self.keys.get(name)) {
            return key.id.to_string();
        }
        self.keys.get(name).map_or_else(|| name.to_owned(), ToString::to_string)
    }

    /// `as user`, `on connection`; `on new` for a connection that nobody used.
    fn by(&mut self, words: &[&str]) -> (Caller, Option<u64>) {
        let after = |word: &str| {
            let at = words.iter().position(|other| *other == word)?;
            words.get(at + 1).copied()
        };
        let caller = after("as").map_or_else(|| self.root(), |name| self.user(name));
        let connection = match after("on") {
            Some("new") | None => {
                self.last_connection += 1;
                self.last_connection
            }
            Some(number) => number.parse().unwrap_or_default(),
        };
        (caller, Some(connection))
    }

    fn look(&mut self, words: &[&str]) -> Option<String> {
        let shown = |table: Option<crate::at_rest::Description>| table.ok_or("ResourceNotFoundException");
        let arn = |key: Option<KeyArn>| {
            let name = self.keys.iter().find(|(_, arn)| Some(**arn) == key);
            name.map_or_else(|| key.map(|key| key.to_string()).unwrap_or_default(), |(name, _)| name.clone())
        };
        let described = |table: &str| {
            let name = self.name(table);
            shown(self.tables.read(|engine, _| engine.describe(&name)))
        };
        let sse = |sse: Option<crate::at_rest::SseDescription>| match sse {
            None => "absent".to_owned(),
            Some(sse) => format!("{:?} {}", sse.status, arn(sse.kms_master_key_arn)).to_uppercase(),
        };
        Some(match words {
            ["status", table] => match described(table) {
                Ok(description) => description.table_status,
                Err(error) => error.to_owned(),
            },
            ["sse", table] => match described(table) {
                Ok(description) => sse(description.sse_description),
                Err(error) => error.to_owned(),
            },
            ["inaccessible-at", table] => {
                let date = described(table).ok()?.sse_description?.inaccessible_encryption_date_time;
                let start = self.started_at.epoch_seconds();
                date.map_or_else(|| "absent".to_owned(), |date| format!("{}", date - start))
            }
            ["archival", table] => match described(table).ok()?.archival_summary {
                None => "absent".to_owned(),
                Some(summary) => format!(
                    "{} {}",
                    summary.archival_date_time - self.started_at.epoch_seconds(),
                    summary.archival_backup_arn.unwrap_or_else(|| "no backup".to_owned())
                ),
            },
            ["replicas", table] => {
                let replicas = described(table).ok()?.replicas;
                let each = replicas.iter().map(|replica| {
                    format!(
                        "{} {} {}",
                        replica.region_name,
                        replica.replica_status,
                        arn(replica.kms_master_key_id)
                    )
                });
                let each: Vec<String> = each.collect();
                if each.is_empty() { "none".to_owned() } else { each.join(", ") }
            }
            ["backup-sse", name] => {
                let arn = self.backups.get(*name)?;
                sse(self
                    .tables
                    .read(|engine, _| engine.backup(arn).and_then(|backup| backup.sse_description())))
            }
            ["mails"] => self.facts().iter().filter(|fact| fact.what.is_mail()).count().to_string(),
            ["avoidable", table] => {
                let name = self.name(table);
                self.tables.read(|engine, _| engine.ledger().of(&name)).avoidable().to_string()
            }
            _ => return None,
        })
    }

    fn table_command(&mut self, words: &[&str]) -> Result<String, String> {
        let done = |done: Result<(), Refusal>| Ok(done.map_or_else(|e| e.to_string(), |()| "ok".to_owned()));
        match words {
            ["create", table, sse @ ..] => {
                let sse = self.sse(sse)?.unwrap_or_default();
                done(self.request(table, &sse))
            }
            ["put", table, key, value, by @ ..] => {
                let (caller, connection) = self.by(by);
                done(self.put(table, key, value, (&caller, connection)))
            }
            ["get", table, key, by @ ..] => {
                let (caller, connection) = self.by(by);
                Ok(self.get(table, key, (&caller, connection)).unwrap_or_else(|refusal| refusal.to_string()))
            }
            ["expire", table, key, at] => {
                let at = read_span(at).ok_or("not an instant")?.after(self.started_at);
                let table = self.table(table).ok_or("no table")?;
                self.expiries.insert((table.incarnation, key.as_bytes().to_vec()), at);
                Ok("ok".to_owned())
            }
            ["sweep", table] => {
                Ok(self.sweep(table).map_or_else(|refusal| refusal.to_string(), |count| count.to_string()))
            }
            ["stream", table, by @ ..] => {
                let (caller, connection) = self.by(by);
                let records = self.stream(table, (&caller, connection));
                Ok(records.map_or_else(
                    |refusal| refusal.to_string(),
                    |records| format!("{} records {}", records.len(), records.join(",")),
                ))
            }
            ["stream-on", table] => done(self.turn_on(table, Feature::Stream)),
            ["pitr-on", table] => done(self.turn_on(table, Feature::PointInTimeRecovery)),
            ["switch", table, rest @ ..] => {
                let (sse, replicas) = match rest.iter().position(|word| *word == "with") {
                    Some(at) => rest.split_at(at),
                    None => (rest, [].as_slice()),
                };
                let keys = replicas.iter().skip(1).filter_map(|word| word.split_once('='));
                let key = |(region, key): (&str, &str)| {
                    Some(ReplicaKey { region: region.parse().ok()?, key: Some(self.key_id(key)) })
                };
                let replicas: Vec<ReplicaKey> = keys.filter_map(key).collect();
                let sse = self.sse(sse)?.unwrap_or_default();
                done(self.switch(table, &sse, replicas))
            }
            ["backup", table, name] => match self.backup(table, name) {
                Ok(arn) => {
                    self.backups.insert((*name).to_owned(), arn);
                    Ok("ok".to_owned())
                }
                Err(refusal) => Ok(refusal.to_string()),
            },
            ["name-archive", table, name] => {
                let arn = self.table(table).and_then(|table| table.archival_backup).ok_or("no archive")?;
                self.backups.insert((*name).to_owned(), arn);
                Ok("ok".to_owned())
            }
            ["restore", name, target, sse @ ..] => {
                let source = Source::Backup(self.backups.get(*name).cloned().ok_or("no backup")?);
                let (sse, target) = (self.sse(sse)?, self.name(target));
                let (incarnation, caller) = (self.incarnation(), self.root());
                done(self.input(Input::Restore { source, target, incarnation, caller, sse }).map(|_| ()))
            }
            ["delete", table] => {
                let input = Input::Delete { table: self.name(table) };
                done(self.input(input).map(|_| ()))
            }
            ["replica", table, region, key @ ..] => {
                let region = region.parse().map_err(|_| "not a Region")?;
                let (incarnation, caller) = (self.incarnation(), self.root());
                let key = key.first().map(|key| self.key_id(key));
                let (version, consistency) = (GlobalTableVersion::V2019, Consistency::Eventual);
                let table = self.name(table);
                let input =
                    Input::AddReplica { table, region, incarnation, caller, key, version, consistency };
                done(self.input(input).map(|_| ()))
            }
            ["replication", table] => {
                let root = self.root();
                let keys = self.keys(table, Operation::Replicate, Structure::Base, &root, None);
                done(keys.map(|_| ()))
            }
            _ => Err(format!("unknown command: {}", words.join(" "))),
        }
    }
}

impl<K: ScenarioKms> World for SampleWorld<K> {
    fn advance(&mut self, to: Span) {
        self.until(to.after(self.started_at));
    }

    fn run(&mut self, words: &[&str]) -> Result<String, String> {
        let scene = Scene { scope: self.scope, started_at: self.started_at, now: self.now };
        if let Some(answer) = self.kms.command(words, &mut self.keys, scene) {
            return answer;
        }
        if let Some(answer) = self.look(words) {
            return Ok(answer);
        }
        self.table_command(words)
    }
}
