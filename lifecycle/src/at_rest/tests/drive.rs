//! The two drivers: they do the same, hold no lock while KMS is called, and leave nothing behind.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::*;
use crate::at_rest::sample::SampleKms;
use crate::crypto::{Secret, SeededEntropy};
use crate::ids::{AccountId, Scope, Uuid};

const START: Timestamp = Timestamp(1_767_225_600_000);

fn scope() -> Scope {
    Scope { account: AccountId::zero(), region: Region::us_east_1() }
}

fn engine() -> Engine {
    Engine::new(Settings::default(), &Secret::new(vec![7; 32]), Arc::new(SeededEntropy::new(1)))
}

fn create(key: KeyArn) -> Input {
    let (table, incarnation) = (TableName::new(scope(), "books"), Uuid::v4([1; 16]));
    Input::Create { table, incarnation, caller: Caller::root(scope().account), sse: under(key) }
}

/// A table's life, as inputs at instants.
fn life(first: KeyArn, second: KeyArn) -> Vec<(Span, Input)> {
    let (table, caller) = (TableName::new(scope(), "books"), Caller::root(scope().account));
    let access = Access {
        table: table.clone(),
        caller: caller.clone(),
        connection: None,
        operation: Operation::PutItem,
        structure: Structure::Base,
    };
    let switch = Input::Switch {
        table: table.clone(),
        caller: caller.clone(),
        sse: under(second),
        replicas: Vec::new(),
        with_other_changes: false,
    };
    let backup = Input::Backup { table: table.clone(), caller, connection: None, name: "backup".to_owned() };
    vec![
        (Span::ZERO, create(first)),
        (Span::seconds(7), Input::Access(access.clone())),
        (Span::seconds(8), switch),
        (Span::minutes(1), Input::Access(access)),
        (Span::minutes(2), backup),
        (Span::days(1), Input::Delete { table }),
    ]
}

/// Runs a future that is always ready to go on.
pub(super) fn wait<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(done) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return done;
        }
    }
}

#[test]
fn both_drivers_do_the_same() {
    let run = |asynchronous: bool| {
        let kms = SampleKms::new(3);
        let (first, second) = (kms.create_key(scope(), START), kms.create_key(scope(), START));
        let tables = Tables::new(engine(), Vec::new());
        for (at, input) in life(first, second) {
            let now = at.after(START);
            let answer = match asynchronous {
                true => wait(tables.run_async(input, now, &kms)),
                false => tables.run(input, now, |call, at| kms.answer(call, at)),
            };
            answer.unwrap();
        }
        let end = Span::days(40).after(START);
        match asynchronous {
            true => wait(tables.advance_async(end, &kms)),
            false => tables.advance(end, |call, at| kms.answer(call, at)),
        }
        (tables.into_parts().1, kms.take_calls())
    };
    let (one, other) = (run(false), run(true));
    assert!(one.0.len() > 10 && one == other);
}

#[test]
fn no_lock_is_held_while_kms_is_called() {
    let kms = SampleKms::new(3);
    let key = kms.create_key(scope(), START);
    let tables = Tables::new(engine(), Vec::new());
    let looking = |call: &KmsCall, at: Timestamp| {
        // It would never return if the engine were locked.
        assert!(tables.read(|engine, _| engine.next_due().is_none()));
        kms.answer(call, at)
    };
    tables.run(create(key), START, looking).unwrap();
}

/// A store with a table in the clear, which its task has to seal.
struct Clear(Vec<Result<RecordKeys, Refusal>>);

impl TableStore for Clear {
    fn perform(&mut self, task: &Task, keys: &mut TaskKeys<'_>) -> Result<(), TaskError> {
        let Work::Encrypt = task.work else { return Err(TaskError::Unsupported) };
        let asked = keys(Structure::Base);
        let done = asked.as_ref().map(|_| ()).map_err(|_| TaskError::Later);
        self.0.push(asked);
        done
    }
}

#[test]
fn a_task_whose_key_kms_has_to_open_begins_again_when_it_is_open() {
    // A table from before encryption was there, whose key was changed before the store got to its task.
    let run = |asynchronous: bool, lost: bool| {
        let kms = SampleKms::new(3);
        let key = kms.create_key(scope(), START);
        let tables = Tables::new(engine(), Vec::new());
        let table = TableName::new(scope(), "books");
        let ask =
            |input, at: Span| tables.run(input, at.after(START), |call, at| kms.answer(call, at)).unwrap();
        ask(Input::Attach { table: table.clone(), incarnation: Uuid::v4([1; 16]) }, Span::ZERO);
        let (caller, sse) = (Caller::root(scope().account), under(key));
        let switch = Input::Switch { table, caller, sse, replicas: Vec::new(), with_other_changes: false };
        ask(switch, Span::ZERO);
        let now = Span::hours(1).after(START);
        tables.advance(now, |call, at| kms.answer(call, at));
        if lost {
            kms.disable(key, now);
        }
        let _ = kms.take_calls();
        let mut store = Clear(Vec::new());
        let unsupported = match asynchronous {
            true => wait(tables.settle_async(&mut store, now, &kms)),
            false => tables.settle(&mut store, now, |call, at| kms.answer(call, at)),
        };
        assert!(unsupported.is_empty());
        let left = tables.read(|engine, _| engine.tasks().count());
        (store.0, left, kms.take_calls().len())
    };
    let sealed = |answers: &[Result<RecordKeys, Refusal>]| answers.last().unwrap().is_ok();
    for lost in [false, true] {
        let (waiting, left, calls) = run(false, lost);
        let (futures, left_too, calls_too) = run(true, lost);
        assert_eq!((waiting.len(), futures.len()), (1, 2), "the store is refused once, and begins again");
        assert_eq!((left, calls), (left_too, calls_too), "lost: {lost}");
        assert_eq!((left, calls), (usize::from(lost), 1));
        assert_eq!((sealed(&waiting), sealed(&futures)), (!lost, !lost));
        if lost {
            assert_eq!(waiting[0].as_ref().err().unwrap().code, futures[1].as_ref().err().unwrap().code);
        }
    }
}

/// A KMS that answers nothing after so many calls.
struct Stalling<'k>(&'k SampleKms, std::cell::Cell<u32>);

impl KmsPort for Stalling<'_> {
    async fn call(&self, call: &KmsCall, at: Timestamp) -> KmsReply {
        match self.1.get() {
            0 => std::future::pending().await,
            left => {
                self.1.set(left - 1);
                self.0.answer(call, at)
            }
        }
    }
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    for answered in 0..3 {
        let kms = SampleKms::new(3);
        let key = kms.create_key(scope(), START);
        let tables = Tables::new(engine(), Vec::new());
        {
            let stalling = Stalling(&kms, std::cell::Cell::new(answered));
            let mut flow = pin!(tables.run_async(create(key), START, &stalling));
            assert!(flow.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            let again = tables.run(create(key), START, |call, at| kms.answer(call, at));
            assert!(answered == 0 || again.is_err(), "two requests for one table at once");
        }
        tables.advance(Span::minutes(1).after(START), |call, at| kms.answer(call, at));
        let made = tables.read(|engine, _| engine.tables().count());
        assert_eq!(kms.grants(key).len(), 2 * made, "{answered} calls were answered");
        if made == 0 {
            tables.run(create(key), Span::minutes(1).after(START), |call, at| kms.answer(call, at)).unwrap();
        }
    }
}

/// A journal that takes so many appends.
struct Full(u32);

impl Journal for Full {
    fn append(&mut self, _: &[Change]) -> Result<(), JournalError> {
        self.0 = self.0.checked_sub(1).ok_or(JournalError)?;
        Ok(())
    }
}

#[test]
fn what_cannot_be_stored_is_not_answered() {
    for room in 0..2 {
        let kms = SampleKms::new(3);
        let key = kms.create_key(scope(), START);
        let tables = Tables::new(engine(), Full(room));
        let refusal = tables.run(create(key), START, |call, at| kms.answer(call, at)).unwrap_err();
        assert_eq!(refusal.status, 500);
        if room == 0 {
            assert!(kms.grants(key).is_empty(), "no grant without an intent that is stored");
        }
        let table = TableName::new(scope(), "books");
        let after = tables.run(Input::Delete { table }, START, |call, at| kms.answer(call, at));
        assert_eq!(
            after.unwrap_err().status,
            500,
            "nothing more is done with an engine ahead of its records"
        );
    }
}
