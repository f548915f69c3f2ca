//! Random sequences of events against a small model of who has access and what must still be there.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::at_rest::sample::KeyState;

/// What happens; numbers choose among what there is.
#[derive(Clone, Debug)]
enum Event {
    Pass(Span),
    Create(usize, usize),
    Delete(usize),
    Write(usize, usize, u8),
    Read(usize, usize, Option<u64>),
    Switch(usize, usize),
    Backup(usize),
    Restore(usize, usize, Option<usize>),
    Disable(usize),
    Enable(usize),
    ScheduleDeletion(usize, i64),
    DeleteMaterial(usize),
    Connect(bool),
    Backing(bool),
    RevokeGrants(usize),
    Rotate(usize),
    Deny(usize, usize),
    DenyService(usize),
    AllowAll(usize),
    Unreachable(bool),
    Restart,
}

/// The first of them in a custom key store.
const KEYS: usize = 2;
const STORE: &str = "store";
const TABLES: usize = 2;
const USERS: usize = 2;

fn event() -> impl Strategy<Value = Event> {
    let (key, table, user) = (0..KEYS, 0..TABLES, 0..USERS);
    let sse = || 0..KEYS + 2;
    let span = prop_oneof![
        4 => (1_i64..600).prop_map(Span::seconds),
        3 => (1_i64..180).prop_map(Span::minutes),
        2 => (1_i64..48).prop_map(Span::hours),
        1 => (1_i64..9).prop_map(Span::days),
    ];
    prop_oneof![
        12 => span.prop_map(Event::Pass),
        5 => (table.clone(), sse()).prop_map(|(table, sse)| Event::Create(table, sse)),
        1 => table.clone().prop_map(Event::Delete),
        8 => (table.clone(), user.clone(), any::<u8>()).prop_map(|(table, user, item)| Event::Write(table, user, item % 4)),
        16 => (table.clone(), user.clone(), prop::option::weighted(0.8, Just(1_u64))).prop_map(|(t, u, c)| Event::Read(t, u, c)),
        4 => (table.clone(), sse()).prop_map(|(table, sse)| Event::Switch(table, sse)),
        2 => table.clone().prop_map(Event::Backup),
        2 => (0..4_usize, table.clone(), prop::option::of(sse())).prop_map(|(b, t, s)| Event::Restore(b, t, s)),
        5 => key.clone().prop_map(Event::Disable),
        6 => key.clone().prop_map(Event::Enable),
        1 => (key.clone(), 7_i64..30).prop_map(|(key, days)| Event::ScheduleDeletion(key, days)),
        1 => key.clone().prop_map(Event::DeleteMaterial),
        2 => any::<bool>().prop_map(Event::Connect),
        1 => any::<bool>().prop_map(Event::Backing),
        1 => key.clone().prop_map(Event::RevokeGrants),
        1 => key.clone().prop_map(Event::Rotate),
        2 => (key.clone(), user).prop_map(|(key, user)| Event::Deny(key, user)),
        1 => key.clone().prop_map(Event::DenyService),
        3 => key.prop_map(Event::AllowAll),
        1 => any::<bool>().prop_map(Event::Unreachable),
        1 => Just(Event::Restart),
    ]
}

type Items = BTreeMap<String, String>;

/// What the model knows beside the sample world.
struct Model {
    world: SampleWorld,
    keys: Vec<KeyArn>,
    unreachable: bool,
    items: BTreeMap<Incarnation, Items>,
    backups: Vec<(String, Items)>,
    /// When a unit last asked while it had access: table, user, connection.
    asked: BTreeMap<(Incarnation, usize, u64), Timestamp>,
    /// Since when the service has had no access to a table's key, but for moments that are too short to be noticed.
    unusable_since: BTreeMap<Incarnation, Timestamp>,
    /// Since when it has access.
    served_since: BTreeMap<Incarnation, Timestamp>,
    written: usize,
}

fn table_name(table: usize) -> String {
    format!("table-{table}")
}

impl Model {
    fn new() -> Self {
        let world = world();
        let keys: Vec<KeyArn> = (0..KEYS).map(|_| key(&world)).collect();
        world.kms.create_store(STORE, true);
        world.kms.put_in_store(keys[0], STORE, world.now);
        let (items, asked, unusable_since, served_since) = Default::default();
        Model {
            world,
            keys,
            unreachable: false,
            items,
            backups: Vec::new(),
            asked,
            unusable_since,
            served_since,
            written: 0,
        }
    }

    fn user(&self, user: usize) -> Caller {
        self.world.user(["ann", "bob"][user])
    }

    fn sse(&self, choice: usize) -> SseSpecification {
        match choice {
            0 => SseSpecification::owned(),
            1 => SseSpecification::managed(),
            choice => under(self.keys[choice - 2]),
        }
    }

    /// Whether KMS opens the table's key for somebody now.
    fn may_open(&self, table: &Table, identity: Identity) -> bool {
        let Some(wrapped) = &table.key else { return false };
        let Some(kms_key) = wrapped.protector.key() else { return true };
        let (blob, context) = (wrapped.blob.clone(), wrapped.context.context());
        let request = KmsRequest::Decrypt { key: kms_key, blob, context };
        let region = self.world.scope.region;
        let reason = Reason::Background;
        let call = KmsCall { flow: FlowId(0), region, identity, request, reason, table: table.name.clone() };
        self.world.kms.answer(&call, self.world.now).is_ok()
    }

    /// Uses a table, and checks that it is used by right, and that who has the right is not refused.
    fn access(&mut self, table: usize, user: usize, connection: Option<u64>) -> Result<bool, TestCaseError> {
        let name = table_name(table);
        let Some(record) = self.world.table(&name) else { return Ok(false) };
        let caller = self.user(user);
        let may = self.may_open(&record, Identity::Caller(caller.clone()));
        let served = self.may_open(&record, Identity::Service);
        let got = self.world.keys(&name, Operation::GetItem, Structure::Base, &caller, connection);
        let since = connection.and_then(|connection| self.asked.get(&(record.incarnation, user, connection)));
        let fresh = since.is_some_and(|at| self.world.now < Span::minutes(5).after(*at));
        match &got {
            Ok(_) => prop_assert!(may || fresh, "{name} was opened by {} without access", caller.arn),
            Err(refusal) => {
                let in_use = matches!(record.status, Status::Active | Status::Inaccessible { .. });
                prop_assert!(!(may && served && in_use), "{name} is kept from {}: {refusal}", caller.arn);
            }
        }
        if let (Ok(_), true, Some(connection)) = (&got, may, connection) {
            self.asked.insert((record.incarnation, user, connection), self.world.now);
        }
        Ok(got.is_ok())
    }

    fn is_served(&mut self, table: &Table) -> bool {
        self.world.kms.set_unreachable(false);
        let served = self.may_open(table, Identity::Service);
        self.world.kms.set_unreachable(self.unreachable);
        served
    }

    /// What must hold after every event.
    fn check(&mut self) -> Result<(), TestCaseError> {
        prop_assert!(!self.world.store.contains(SECRET.as_bytes()), "plaintext on the disk");
        let tables: Vec<Table> = self.world.tables.read(|engine, _| engine.tables().cloned().collect());
        for table in tables {
            let incarnation = table.incarnation;
            if let Status::Archiving { since, inaccessible_since }
            | Status::Archived { since, inaccessible_since } = table.status
            {
                let lost = self.unusable_since.get(&incarnation).copied();
                prop_assert!(
                    lost.is_some_and(|lost| lost <= inaccessible_since),
                    "archived with its key there"
                );
                prop_assert!(since > Span::days(7).after(inaccessible_since), "archived too soon");
                continue;
            }
            if table.protector == Protector::Owned && table.switch.is_none() {
                prop_assert!(matches!(table.status, Status::Active | Status::Creating), "{:?}", table.status);
            }
        }
        Ok(())
    }

    /// Lets time pass. Only access that lasts until it is noticed counts as such.
    fn pass(&mut self, span: Span) {
        let (before, after) = (self.world.now, at(&self.world, span));
        let tables: Vec<Table> = self.world.tables.read(|engine, _| engine.tables().cloned().collect());
        let stands =
            |table: &Table| !matches!(table.status, Status::Archiving { .. } | Status::Archived { .. });
        for table in tables.into_iter().filter(stands) {
            let incarnation = table.incarnation;
            if !self.is_served(&table) {
                self.served_since.remove(&incarnation);
                self.unusable_since.entry(incarnation).or_insert(before);
            } else if self.unreachable {
                // Nobody can notice it.
                self.served_since.remove(&incarnation);
            } else if after
                >= Span::minutes(40).after(*self.served_since.entry(incarnation).or_insert(before))
            {
                self.unusable_since.remove(&incarnation);
            }
        }
        self.world.pass(span);
    }

    fn happen(&mut self, event: &Event) -> Result<(), TestCaseError> {
        let now = self.world.now;
        match event {
            Event::Pass(span) => self.pass(*span),
            Event::Create(table, sse) => {
                let sse = self.sse(*sse);
                if self.world.request(&table_name(*table), &sse).is_ok() {
                    let incarnation = self.world.table(&table_name(*table)).map(|table| table.incarnation);
                    self.items.extend(incarnation.map(|incarnation| (incarnation, Items::new())));
                }
            }
            Event::Delete(table) => {
                let table = self.world.name(&table_name(*table));
                let _ = self.world.input(Input::Delete { table });
            }
            Event::Write(table, user, item) => {
                if self.access(*table, *user, None)? {
                    self.written += 1;
                    let (item, value) = (format!("item-{item}"), format!("{SECRET} {}", self.written));
                    let (caller, name) = (self.user(*user), table_name(*table));
                    if self.world.put(&name, &item, &value, (&caller, None)).is_ok() {
                        let incarnation = self.world.table(&name).unwrap().incarnation;
                        self.items.entry(incarnation).or_default().insert(item, value);
                    }
                }
            }
            Event::Read(table, user, connection) => drop(self.access(*table, *user, *connection)?),
            Event::Switch(table, sse) => {
                let sse = self.sse(*sse);
                let _ = self.world.switch(&table_name(*table), &sse, Vec::new());
            }
            Event::Backup(table) => {
                if let Ok(arn) = self.world.backup(&table_name(*table), "backup") {
                    let incarnation = self.world.table(&table_name(*table)).unwrap().incarnation;
                    self.backups.push((arn, self.items.get(&incarnation).cloned().unwrap_or_default()));
                }
            }
            Event::Restore(backup, table, sse) => {
                let Some((arn, items)) = self.backups.get(*backup).cloned() else { return Ok(()) };
                let (target, incarnation) = (self.world.name(&table_name(*table)), self.world.incarnation());
                let (caller, sse) = (self.world.root(), sse.map(|sse| self.sse(sse)));
                let input = Input::Restore { source: Source::Backup(arn), target, incarnation, caller, sse };
                if self.world.input(input).is_ok() {
                    self.items.insert(incarnation, items);
                }
            }
            Event::Disable(key) => self.set_state(*key, KeyState::Disabled),
            Event::Enable(key) => self.set_state(*key, KeyState::Enabled),
            Event::ScheduleDeletion(key, days) => {
                self.set_state(*key, KeyState::PendingDeletion(Span::days(*days).after(now)));
            }
            Event::DeleteMaterial(key) => self.set_state(*key, KeyState::PendingImport),
            Event::Connect(connected) => self.world.kms.set_connected(STORE, *connected, now),
            Event::Backing(works) => self.world.kms.set_works(STORE, *works, now),
            Event::RevokeGrants(key) => self.world.kms.revoke_grants(self.keys[*key], now),
            Event::Rotate(key) => self.world.kms.rotate(self.keys[*key], now),
            Event::Deny(key, user) => {
                let user = self.user(*user);
                self.world.kms.deny(self.keys[*key], &user.arn, "Decrypt", now);
            }
            Event::DenyService(key) => self.world.kms.deny(self.keys[*key], SERVICE, "Decrypt", now),
            Event::AllowAll(key) => self.world.kms.allow_all(self.keys[*key], now),
            Event::Unreachable(unreachable) => {
                self.unreachable = *unreachable;
                self.world.kms.set_unreachable(*unreachable);
            }
            Event::Restart => {
                self.world.restart();
                self.asked.clear();
            }
        }
        let _ = self.world.kms.take_calls();
        self.check()
    }

    /// A deleted key stays deleted.
    fn set_state(&mut self, key: usize, state: KeyState) {
        if !self.is_deleted(self.keys[key]) {
            self.world.kms.set_state(self.keys[key], state, self.world.now);
        }
    }

    fn is_deleted(&self, key: KeyArn) -> bool {
        self.world.kms.is_deleted(key, self.world.now)
    }

    /// Gives everything back that can be given back; then all that was not lost for more than seven days is there.
    fn end(mut self) -> Result<(), TestCaseError> {
        self.unreachable = false;
        self.world.kms.set_unreachable(false);
        let now = self.world.now;
        self.world.kms.set_connected(STORE, true, now);
        self.world.kms.set_works(STORE, true, now);
        for key in self.keys.clone().into_iter().filter(|key| !self.is_deleted(*key)) {
            self.world.kms.allow_all(key, now);
            self.world.kms.enable(key, now);
        }
        self.pass(Span::hours(2));
        self.check()?;
        let tables: Vec<Table> = self.world.tables.read(|engine, _| engine.tables().cloned().collect());
        let root = self.world.root();
        for table in &tables {
            let Some(items) = self.items.get(&table.incarnation).cloned() else { continue };
            let keys = table.key.iter().map(|key| key.protector).chain([table.protector]);
            if keys.filter_map(|protector| protector.key()).any(|key| self.is_deleted(key)) {
                continue;
            }
            let name = match (table.status, &table.archival_backup) {
                (Status::Archived { .. }, Some(arn)) => {
                    self.world
                        .restore(Source::Backup(arn.clone()), "restored", Some(SseSpecification::owned()))
                        .unwrap();
                    "restored"
                }
                _ => {
                    // Without its grants, a table gets away by a change of its key; to an owned one it is always free.
                    if table.status != Status::Active || !self.is_served(table) {
                        let again = match table.switch.as_ref().map(|switch| &switch.wanted) {
                            Some(Wanted::Kms(key)) => SseSpecification::kms(key),
                            Some(Wanted::Owned) => SseSpecification::owned(),
                            None => SseSpecification::owned(),
                        };
                        let _ = self.world.switch(&table.name.name, &again, Vec::new());
                        self.world.pass(Span::hours(1));
                    }
                    &table.name.name
                }
            };
            prop_assert_eq!(status(&self.world, name), "ACTIVE", "{:?}", self.world.table(name));
            for (item, value) in &items {
                prop_assert_eq!(&self.world.get(name, item, (&root, None)).unwrap(), value);
            }
            if name == "restored" {
                let table = self.world.name("restored");
                self.world.input(Input::Delete { table }).unwrap();
            }
        }
        for (arn, items) in self.backups.clone() {
            let backup = self.world.tables.read(|engine, _| engine.backup(&arn).cloned());
            let Some(backup) = backup.filter(|backup| backup.restoring.is_none()) else { continue };
            if backup.key.protector.key().is_some_and(|key| self.is_deleted(key)) {
                continue;
            }
            self.world.restore(Source::Backup(arn), "restored", Some(SseSpecification::owned())).unwrap();
            for (item, value) in &items {
                prop_assert_eq!(&self.world.get("restored", item, (&root, None)).unwrap(), value);
            }
            let table = self.world.name("restored");
            self.world.input(Input::Delete { table }).unwrap();
        }
        self.no_grant_is_left()
    }

    fn no_grant_is_left(mut self) -> Result<(), TestCaseError> {
        self.world.pass(Span::hours(1));
        let tables: Vec<TableName> =
            self.world.tables.read(|engine, _| engine.tables().map(|t| t.name.clone()).collect());
        for table in tables {
            let _ = self.world.input(Input::Delete { table });
        }
        self.world.pass(Span::days(8));
        let left: BTreeSet<_> =
            self.world.tables.read(|engine, _| engine.tables().map(|t| t.name.name.clone()).collect());
        // After weeks without an answer the service gives up, and says so.
        let told = |key: KeyArn| What::GrantLeft { key_arn: key };
        let facts = self.world.facts();
        for key in self.world.kms.keys(self.world.scope) {
            let told = facts.iter().any(|fact| fact.what == told(key));
            if left.is_empty() && !self.is_deleted(key) && !told {
                prop_assert!(self.world.kms.grants(key).is_empty(), "grants without a table on {key}");
            }
        }
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, max_shrink_iters: 500, ..ProptestConfig::default() })]

    #[test]
    fn nothing_opens_without_access_and_nothing_is_lost_that_came_back_in_time(
        events in prop::collection::vec(event(), 1..120)
    ) {
        let mut model = Model::new();
        for event in &events {
            model.happen(event)?;
        }
        model.end()?;
    }
}
