//! Requests to tables by connection, and how many calls to KMS they caused.

use std::collections::BTreeMap;

use lifecycle::at_rest::{Connection, TableName};

/// Connections of one table that are told apart; the requests of further ones are counted together.
const CONNECTIONS_MAX: usize = 1_000;

/// Requests of one connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Count {
    /// Requests that used the table's key.
    pub(super) requests: u64,
    /// Calls to KMS that they waited for.
    pub(super) calls: u64,
}

/// Requests of one table.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct OfTable {
    /// Of each connection.
    pub(super) connections: BTreeMap<Connection, Count>,
    /// Of requests that share their connection with no other.
    pub(super) alone: Count,
    /// Of connections beyond those that are told apart.
    pub(super) others: Count,
}

impl OfTable {
    /// All requests.
    pub(super) fn total(&self) -> Count {
        let all = self.connections.values().chain([&self.alone, &self.others]);
        all.fold(Count::default(), |sum, count| Count {
            requests: sum.requests + count.requests,
            calls: sum.calls + count.calls,
        })
    }
}

/// Requests since the start.
#[derive(Default)]
pub(super) struct Tally {
    tables: BTreeMap<TableName, OfTable>,
    /// What counts once it is stored.
    noted: Vec<(TableName, Option<Connection>, u64)>,
}

impl Tally {
    /// Notes a request and the calls that it caused.
    pub(super) fn note(&mut self, table: TableName, connection: Option<Connection>, calls: usize) {
        self.noted.push((table, connection, u64::try_from(calls).unwrap_or(u64::MAX)));
    }

    /// What was noted counts.
    pub(super) fn keep(&mut self) {
        for (table, connection, calls) in std::mem::take(&mut self.noted) {
            let of_table = self.tables.entry(table).or_default();
            let room = of_table.connections.len() < CONNECTIONS_MAX;
            let count = match connection {
                None => &mut of_table.alone,
                Some(connection) if room || of_table.connections.contains_key(&connection) => {
                    of_table.connections.entry(connection).or_default()
                }
                Some(_) => &mut of_table.others,
            };
            count.requests += 1;
            count.calls += calls;
        }
    }

    /// What was noted has not happened.
    pub(super) fn forget(&mut self) {
        self.noted.clear();
    }

    pub(super) fn tables(&self) -> &BTreeMap<TableName, OfTable> {
        &self.tables
    }
}
