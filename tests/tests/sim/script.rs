//! What a simulation does: steps that name keys, ciphertexts and grants by the order in which they were made, so that
//! a script stays one when steps are taken out of it.

use super::random::Random;

/// The accounts and Regions in which keys are made.
pub(super) const SCOPES: [(&str, &str); 3] =
    [("111122223333", "us-east-1"), ("111122223333", "eu-west-1"), ("444455556666", "us-east-1")];

/// The users, who have no policies: only grants allow them anything.
pub(super) const USERS: [&str; 3] = [
    "arn:aws:iam::111122223333:user/ann",
    "arn:aws:iam::111122223333:user/bob",
    "arn:aws:iam::444455556666:user/cem",
];

/// Operations that are granted.
pub(super) const GRANTABLE: [&str; 5] =
    ["Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "RetireGrant"];

/// A whole simulation.
#[derive(Clone, Debug, Default)]
pub(super) struct Script {
    /// Domain milliseconds until a grant counts without its token.
    pub(super) delay: i64,
    /// Due events in one transaction.
    pub(super) events_max: usize,
    /// Whether the store is an SQLite database.
    pub(super) on_disk: bool,
    pub(super) steps: Vec<Step>,
}

/// Something that is done, and whether the store fails meanwhile.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Step {
    pub(super) act: Act,
    pub(super) fault: Option<Fault>,
}

/// The `nth` commit of the step, from 1, fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) nth: u64,
    pub(super) kind: FaultKind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    /// Nothing is stored, and everybody knows.
    Refused,
    /// It is stored, and nobody knows: the server has to start again.
    Kept,
    /// Nothing is stored, and nobody knows.
    Lost,
}

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    /// The root user of the key's account, in the key's Region.
    Owner,
    /// The same in another Region.
    Elsewhere,
    /// The root user of another account.
    Stranger,
    /// One of [`USERS`], in the key's Region.
    User(usize),
}

/// How a decryption names its key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Named {
    Not,
    Right,
    /// The owner names another key.
    Wrong(usize),
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Act {
    CreateKey {
        scope: usize,
    },
    /// Makes the custom key store of an account and Region, in a cluster of its own.
    CreateStore {
        scope: usize,
    },
    ConnectStore {
        scope: usize,
    },
    DisconnectStore {
        scope: usize,
    },
    DeleteStore {
        scope: usize,
    },
    CreateKeyInStore {
        scope: usize,
    },
    DescribeKey {
        key: usize,
        by: Who,
        token: Option<usize>,
    },
    EnableKey {
        key: usize,
        by: Who,
    },
    DisableKey {
        key: usize,
        by: Who,
    },
    EnableKeyRotation {
        key: usize,
        by: Who,
        period: Option<u32>,
    },
    DisableKeyRotation {
        key: usize,
        by: Who,
    },
    RotateKeyOnDemand {
        key: usize,
        by: Who,
    },
    ScheduleKeyDeletion {
        key: usize,
        by: Who,
        window: Option<u32>,
    },
    CancelKeyDeletion {
        key: usize,
        by: Who,
    },
    Encrypt {
        key: usize,
        by: Who,
        token: Option<usize>,
    },
    EncryptByAlias {
        scope: usize,
        name: u8,
    },
    GenerateDataKey {
        key: usize,
        by: Who,
        token: Option<usize>,
    },
    Decrypt {
        sealed: usize,
        by: Who,
        named: Named,
        token: Option<usize>,
        right_context: bool,
    },
    ReEncrypt {
        sealed: usize,
        to: usize,
    },
    CreateAlias {
        key: usize,
        name: u8,
    },
    UpdateAlias {
        key: usize,
        name: u8,
    },
    DeleteAlias {
        scope: usize,
        name: u8,
    },
    CreateGrant {
        key: usize,
        grantee: usize,
        retiring: Option<usize>,
        operations: u8,
        name: Option<u8>,
    },
    RetireGrant {
        grant: usize,
        by: Who,
        by_token: bool,
    },
    RevokeGrant {
        grant: usize,
        by: Who,
    },
    /// Milliseconds.
    Advance {
        by: i64,
    },
    /// To what falls due next, or so many milliseconds before it.
    AdvanceToNext {
        before: i64,
    },
    /// The server stops in good order, or is gone at once, and starts again on what it stored.
    Restart {
        in_order: bool,
    },
}

impl From<Act> for Step {
    fn from(act: Act) -> Self {
        Step { act, fault: None }
    }
}

pub(super) const MINUTE: i64 = 60_000;
pub(super) const DAY: i64 = 86_400_000;

/// The script of a seed.
pub(super) fn script(seed: u64) -> Script {
    let mut random = Random::new(seed);
    let random = &mut random;
    let length = 40 + random.below(80);
    Script {
        delay: random.pick(&[0, 0, 5 * MINUTE, DAY]),
        events_max: random.pick(&[1, 2, 3, 256]),
        on_disk: random.once_in(25),
        steps: (0..length).flat_map(|at| steps(random, at)).collect(),
    }
}

/// The next step, with those that are of interest right after it.
fn steps(random: &mut Random, at: u64) -> Vec<Step> {
    let step = step(random, at);
    let mut steps = vec![step];
    if matches!(step.act, Act::AdvanceToNext { before: 1.. }) {
        // Close to an automatic rotation there is none on demand.
        steps.extend((0..3).map(|key| Step::from(Act::RotateKeyOnDemand { key, by: Who::Owner })));
    }
    match step.act {
        Act::CreateStore { scope } => {
            steps.extend([Act::ConnectStore { scope }, Act::CreateKeyInStore { scope }].map(Step::from));
        }
        // Whatever is in it cannot be used.
        Act::DisconnectStore { .. } => {
            let encrypt = |key| Step::from(Act::Encrypt { key, by: Who::Owner, token: None });
            steps.extend((0..6).map(encrypt));
        }
        _ => {}
    }
    steps
}

fn step(random: &mut Random, at: u64) -> Step {
    if at < 2 {
        return Act::CreateKey { scope: random.index() }.into();
    }
    let fault = random.once_in(12).then(|| Fault {
        nth: random.pick(&[1, 1, 1, 2, 3]),
        kind: random.pick(&[FaultKind::Refused, FaultKind::Refused, FaultKind::Kept, FaultKind::Lost]),
    });
    Step { act: act(random), fault }
}

fn act(random: &mut Random) -> Act {
    let (key, sealed, grant, scope) = (random.index(), random.index(), random.index(), random.index());
    let by = match random.below(20) {
        0 => Who::Elsewhere,
        1 => Who::Stranger,
        2 => Who::User(random.index()),
        _ => Who::Owner,
    };
    // Those whom grants allow something are as likely as the owner where grants matter.
    let user = if random.once_in(2) { Who::User(random.index()) } else { by };
    let token = random.once_in(3).then(|| random.index());
    let name = u8::try_from(random.below(4)).unwrap();
    match random.below(112) {
        0..4 => Act::CreateKey { scope },
        4..6 => Act::DescribeKey { key, by: user, token },
        6..12 => Act::EnableKey { key, by },
        12..16 => Act::DisableKey { key, by },
        16..24 => Act::EnableKeyRotation { key, by, period: period(random) },
        24..26 => Act::DisableKeyRotation { key, by },
        26..31 => Act::RotateKeyOnDemand { key, by },
        31..34 => Act::ScheduleKeyDeletion { key, by, window: window(random) },
        34..37 => Act::CancelKeyDeletion { key, by },
        37..44 => Act::Encrypt { key, by: user, token },
        44..46 => Act::EncryptByAlias { scope, name },
        46..48 => Act::GenerateDataKey { key, by: user, token },
        48..57 => Act::Decrypt {
            sealed,
            by: user,
            named: random.pick(&[Named::Not, Named::Not, Named::Right, Named::Wrong(key)]),
            token,
            right_context: !random.once_in(8),
        },
        57..59 => Act::ReEncrypt { sealed, to: key },
        59..62 => Act::CreateAlias { key, name },
        62..64 => Act::UpdateAlias { key, name },
        64..65 => Act::DeleteAlias { scope, name },
        65..69 => Act::CreateGrant {
            key,
            grantee: random.index(),
            retiring: random.once_in(2).then(|| random.index()),
            operations: u8::try_from(1 + random.below((1 << GRANTABLE.len()) - 1)).unwrap(),
            name: random.once_in(2).then_some(name % 2),
        },
        69..71 => Act::RetireGrant { grant, by: user, by_token: random.once_in(2) },
        71..73 => Act::RevokeGrant { grant, by },
        73..90 => Act::Advance { by: span(random) },
        90..95 => Act::AdvanceToNext {
            before: random.pick(&[0, 0, 0, 1, 20 * MINUTE - 1, 20 * MINUTE, 20 * MINUTE + 1]),
        },
        95..100 => Act::Restart { in_order: random.once_in(2) },
        100..104 => Act::CreateStore { scope },
        104 | 105 => Act::ConnectStore { scope },
        106..109 => Act::DisconnectStore { scope },
        109 => Act::DeleteStore { scope },
        _ => Act::CreateKeyInStore { scope },
    }
}

/// Days between rotations; now and then so many as are refused.
fn period(random: &mut Random) -> Option<u32> {
    match random.below(10) {
        0..2 => None,
        2 => Some(random.pick(&[0, 89, 2_561])),
        3..6 => Some(random.pick(&[90, 91, 365, 2_560])),
        _ => Some(90 + u32::try_from(random.below(2_471)).unwrap()),
    }
}

/// Days until a deletion; now and then so many as are refused.
fn window(random: &mut Random) -> Option<u32> {
    match random.below(8) {
        0 => None,
        1 => Some(random.pick(&[0, 6, 31, 366])),
        _ => Some(7 + u32::try_from(random.below(24)).unwrap()),
    }
}

/// Milliseconds that the clock is moved by: to the edges of what the rules count in, or anywhere.
fn span(random: &mut Random) -> i64 {
    let edge = random.pick(&[MINUTE, 5 * MINUTE, 20 * MINUTE, DAY, 7 * DAY, 30 * DAY, 90 * DAY, 365 * DAY]);
    match random.below(8) {
        0 => random.pick(&[0, 1]),
        1 => edge - 1,
        2 | 3 => edge,
        4 => i64::try_from(random.below(7 * 86_400_000)).unwrap(),
        5 | 6 => i64::try_from(random.below(400 * 86_400_000)).unwrap(),
        _ => i64::try_from(random.below(3_000 * 86_400_000)).unwrap(),
    }
}
