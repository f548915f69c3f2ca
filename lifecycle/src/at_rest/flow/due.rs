//! What has fallen due.

use super::{Cx, Outcome, Stop, archive, backup, cleanup, create, delete, health, replica, switch};
use crate::at_rest::name::Incarnation;
use crate::at_rest::state::Subject;
use crate::at_rest::table::Due;

/// Does what is due for a subject. What it was due for is decided on the records as they are.
pub(in crate::at_rest) fn run(cx: &Cx<'_>, subject: &Subject) -> Result<Outcome, Stop> {
    match subject {
        Subject::Table(incarnation) => table(cx, *incarnation),
        Subject::Backup(arn) => Ok(backup::expire(cx, arn)),
        Subject::Retirement(grant) => cleanup::retirement(cx, *grant),
        Subject::Intent(incarnation) => match cx.state.intents.get(incarnation) {
            Some(intent) => cleanup::undo(cx, intent),
            None => Ok(Outcome::done()),
        },
    }
}

fn table(cx: &Cx<'_>, incarnation: Incarnation) -> Result<Outcome, Stop> {
    let Some(table) = cx.state.tables.get(&incarnation) else { return Ok(Outcome::done()) };
    match table.due(cx.settings) {
        Some((at, due)) if at <= cx.now => match due {
            Due::Delete => delete::finish(cx, table),
            Due::Probe => health::probe(cx, table),
            Due::Create => create::finish(cx, table),
            Due::Vanish => create::vanish(cx, table),
            Due::Move => switch::advance(cx, table),
            Due::SwitchEnd => switch::end(cx, table),
            Due::Recover => health::recover(cx, table),
            Due::Detect => health::detect(cx, table),
            Due::Leave => Ok(replica::leave(cx, table)),
            Due::Archive => archive::archive(cx, table),
            Due::Archived => archive::archived(cx, table),
        },
        // A request has done it meanwhile.
        _ => Ok(Outcome::done()),
    }
}
