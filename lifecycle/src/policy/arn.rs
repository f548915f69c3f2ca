//! The ARNs of principals.

/// The parts of an ARN that has all of them but, maybe, an account. IAM and STS ARNs have no Region.
pub(super) struct Arn<'a> {
    pub(super) partition: &'a str,
    pub(super) service: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) resource: &'a str,
}

/// What an IAM or STS ARN names, if that can be a principal.
pub(super) enum Resource<'a> {
    Root,
    User(&'a str),
    Role(&'a str),
    Session { role: &'a str, session: &'a str },
    FederatedUser(&'a str),
}

impl<'a> Arn<'a> {
    pub(super) fn split(text: &'a str) -> Option<Self> {
        let mut parts = text.strip_prefix("arn:")?.splitn(5, ':');
        let mut next = || parts.next();
        let (partition, service, region) = (next()?, next()?, next()?);
        let (account, resource) = (next()?, next()?);
        let whole = ![partition, service, resource].contains(&"");
        whole.then_some(Self { partition, service, region, account, resource })
    }

    pub(super) fn resource(&self) -> Option<Resource<'a>> {
        if !self.region.is_empty() {
            return None;
        }
        if (self.service, self.resource) == ("iam", "root") {
            return Some(Resource::Root);
        }
        let (kind, name) = self.resource.split_once('/')?;
        match (self.service, kind) {
            ("iam", "user") => Some(Resource::User(name)),
            ("iam", "role") => Some(Resource::Role(name)),
            ("sts", "assumed-role") => {
                let (role, session) = name.split_once('/')?;
                Some(Resource::Session { role, session })
            }
            ("sts", "federated-user") => Some(Resource::FederatedUser(name)),
            _ => None,
        }
    }
}

/// The path and name of a user or role. Wildcards are refused: a policy cannot name a part of a principal.
pub(super) fn path_and_name(text: &str) -> Option<Box<str>> {
    let path_char = |b: u8| b.is_ascii_graphic() && !matches!(b, b'*' | b'?');
    let (path, last) = text.rsplit_once('/').unwrap_or(("", text));
    let path_fits = path.len() <= 512 && !path.starts_with('/') && path.bytes().all(path_char);
    (path_fits && plain_name(last).is_some()).then(|| text.into())
}

/// A name that stands without a path: of a session, or of a role in the ARN of its session.
pub(super) fn plain_name(text: &str) -> Option<Box<str>> {
    let name_char = |b: u8| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b);
    (!text.is_empty() && text.len() <= 128 && text.bytes().all(name_char)).then(|| text.into())
}

pub(super) fn without_path(name: &str) -> &str {
    name.rsplit_once('/').map_or(name, |(_, name)| name)
}

pub(super) fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}
