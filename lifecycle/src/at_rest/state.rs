//! All records, and what falls due when.

use std::collections::{BTreeMap, BTreeSet};

use super::backup::{Backup, GlobalTable, Intent, Retirement};
use super::change::{Change, Task};
use super::name::{Incarnation, TableName};
use super::settings::Settings;
use super::table::Table;
use crate::clock::Timestamp;
use crate::ids::{GrantId, KeyArn, Uuid};

/// What something falls due for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Subject {
    Retirement(GrantId),
    Intent(Incarnation),
    Table(Incarnation),
    Backup(String),
}

/// Every record of the engine.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) tables: BTreeMap<Incarnation, Table>,
    pub(super) names: BTreeMap<TableName, Incarnation>,
    pub(super) backups: BTreeMap<String, Backup>,
    pub(super) global_tables: BTreeMap<Uuid, GlobalTable>,
    pub(super) intents: BTreeMap<Incarnation, Intent>,
    pub(super) retirements: BTreeMap<GrantId, Retirement>,
    pub(super) tasks: BTreeMap<u64, Task>,
    /// The highest number of a task that there ever was.
    pub(super) tasks_made: u64,
    due: BTreeSet<(Timestamp, Subject)>,
    due_of: BTreeMap<Subject, Timestamp>,
    /// Which tables use a key, now or at the end of a switch.
    by_key: BTreeSet<(KeyArn, Incarnation)>,
}

impl State {
    pub(super) fn table(&self, name: &TableName) -> Option<&Table> {
        self.tables.get(self.names.get(name)?)
    }

    /// The tables that use a key.
    pub(super) fn tables_under(&self, key: KeyArn) -> impl Iterator<Item = &Table> {
        let first = (key, Uuid::default());
        let with_key = self.by_key.range(first..).take_while(move |(other, _)| *other == key);
        with_key.filter_map(|(_, table)| self.tables.get(table))
    }

    /// The keys that tables use.
    pub(super) fn keys(&self) -> BTreeSet<KeyArn> {
        self.by_key.iter().map(|(key, _)| *key).collect()
    }

    /// What falls due first, and is not being worked on.
    pub(super) fn first_due(&self, busy: &BTreeSet<Subject>) -> Option<(Timestamp, &Subject)> {
        self.due.iter().find(|(_, subject)| !busy.contains(subject)).map(|(at, subject)| (*at, subject))
    }

    /// Applies a change; cannot fail.
    pub(super) fn apply(&mut self, change: &Change, settings: &Settings) {
        match change {
            Change::PutTable(table) => {
                self.forget_table(table.incarnation);
                self.names.insert(table.name.clone(), table.incarnation);
                self.set_due(Subject::Table(table.incarnation), table.due(settings).map(|(at, _)| at));
                self.by_key.extend(keys_of(table).map(|key| (key, table.incarnation)));
                self.tables.insert(table.incarnation, (**table).clone());
            }
            Change::RemoveTable { incarnation } => self.forget_table(*incarnation),
            Change::PutBackup(backup) => {
                self.set_due(Subject::Backup(backup.arn.clone()), backup.expires_at);
                self.backups.insert(backup.arn.clone(), (**backup).clone());
            }
            Change::RemoveBackup { arn } => {
                self.set_due(Subject::Backup(arn.clone()), None);
                self.backups.remove(arn);
            }
            Change::PutGlobalTable(global) => {
                self.global_tables.insert(global.id, global.clone());
            }
            Change::RemoveGlobalTable { id } => {
                self.global_tables.remove(id);
            }
            Change::PutIntent(intent) => {
                self.set_due(Subject::Intent(intent.incarnation), Some(intent.retry_at));
                self.intents.insert(intent.incarnation, intent.clone());
            }
            Change::RemoveIntent { incarnation } => {
                self.set_due(Subject::Intent(*incarnation), None);
                self.intents.remove(incarnation);
            }
            Change::PutRetirement(retirement) => {
                self.set_due(Subject::Retirement(retirement.grant.grant), Some(retirement.retry_at));
                self.retirements.insert(retirement.grant.grant, retirement.clone());
            }
            Change::RemoveRetirement { grant } => {
                self.set_due(Subject::Retirement(*grant), None);
                self.retirements.remove(grant);
            }
            Change::PutTask(task) => {
                self.tasks_made = self.tasks_made.max(task.id);
                self.tasks.insert(task.id, task.clone());
            }
            Change::RemoveTask { id } => {
                self.tasks.remove(id);
            }
            Change::Fact(_) => {}
        }
    }

    fn forget_table(&mut self, incarnation: Incarnation) {
        self.set_due(Subject::Table(incarnation), None);
        let Some(old) = self.tables.remove(&incarnation) else { return };
        for key in keys_of(&old) {
            self.by_key.remove(&(key, incarnation));
        }
        if self.names.get(&old.name) == Some(&incarnation) {
            self.names.remove(&old.name);
        }
    }

    fn set_due(&mut self, subject: Subject, at: Option<Timestamp>) {
        if let Some(old) = self.due_of.remove(&subject) {
            self.due.remove(&(old, subject.clone()));
        }
        if let Some(at) = at {
            self.due.insert((at, subject.clone()));
            self.due_of.insert(subject, at);
        }
    }
}

fn keys_of(table: &Table) -> impl Iterator<Item = KeyArn> {
    let switch = table.switch.iter().flat_map(|switch| [switch.from.key(), switch.to.key()]);
    switch.chain([table.protector.key()]).flatten()
}
