use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn files(directory: &Path) -> Vec<String> {
    [CA, CA_KEY, SERVER, SERVER_KEY].map(|name| fs::read_to_string(directory.join(name)).unwrap()).to_vec()
}

fn own_validity(path: &Path) -> (Timestamp, Timestamp) {
    validity(&chain(path).unwrap()[0]).unwrap()
}

#[test]
fn a_development_certificate_is_reused_until_it_is_about_to_expire() {
    let directory = tempfile::tempdir().unwrap();
    let tls = directory.path().join("tls");
    let start = at("2026-03-01T12:00:00Z");
    let made = development(&tls, LOOPBACK, start).unwrap();
    assert_eq!(made.ca, tls.join("ca.pem"));
    let first = files(&tls);
    assert_eq!(own_validity(&tls.join(SERVER)), (at("2026-02-28T00:00:00Z"), at("2027-04-02T00:00:00Z")));
    assert_eq!(own_validity(&tls.join(CA)), (at("2026-02-28T00:00:00Z"), at("2036-02-27T00:00:00Z")));

    development(&tls, LOOPBACK, at("2027-03-02T00:00:00Z")).unwrap();
    assert_eq!(files(&tls), first, "31 days left");

    development(&tls, LOOPBACK, at("2027-03-04T00:00:00Z")).unwrap();
    let second = files(&tls);
    assert_eq!(second[..2], first[..2], "29 days left: the CA stays");
    assert_ne!(second[2], first[2]);
    assert_ne!(second[3], first[3]);

    development(&tls, LOOPBACK, at("2035-06-01T00:00:00Z")).unwrap();
    let third = files(&tls);
    assert_ne!(third[0], first[0], "the CA would not outlive a new certificate");
    assert!(trusted(&tls.join(CA), &tls.join(SERVER), &names(LOOPBACK), at("2035-06-01T00:00:00Z")));

    development(&tls, LOOPBACK, start).unwrap();
    assert_ne!(files(&tls)[0], third[0], "not valid yet");
}

#[test]
fn a_certificate_names_loopback_and_the_bound_address() {
    let directory = tempfile::tempdir().unwrap();
    let (ca, server) = (directory.path().join(CA), directory.path().join(SERVER));
    let now = at("2026-03-01T12:00:00Z");
    let lan: IpAddr = "192.168.7.9".parse().unwrap();
    let covers = |address: IpAddr| trusted(&ca, &server, &[SanType::IpAddress(address)], now);

    development(directory.path(), Ipv4Addr::UNSPECIFIED.into(), now).unwrap();
    let first = files(directory.path());
    assert!(covers(LOOPBACK) && covers(Ipv6Addr::LOCALHOST.into()) && !covers(lan));
    assert!(!covers(Ipv4Addr::UNSPECIFIED.into()), "no client calls 0.0.0.0");
    for (name, covered) in
        [("localhost", true), ("example.com", false), ("kms.us-east-1.amazonaws.com", false)]
    {
        let name = SanType::DnsName(name.try_into().unwrap());
        assert_eq!(trusted(&ca, &server, &[name], now), covered);
    }

    development(directory.path(), lan, now).unwrap();
    assert!(covers(LOOPBACK) && covers(lan));
    assert_eq!(files(directory.path())[..2], first[..2], "another address keeps the CA");
}

#[test]
fn the_ca_cannot_vouch_for_a_site() {
    let directory = tempfile::tempdir().unwrap();
    let now = at("2026-03-01T12:00:00Z");
    let issuer = make_issuer(directory.path(), now).unwrap();
    for (name, covered) in [("example.com", false), ("localhost", true), ("kms.localhost", true)] {
        let names = vec![SanType::DnsName(name.try_into().unwrap())];
        make_server(directory.path(), &issuer, names.clone(), now).unwrap();
        let (ca, server) = (directory.path().join(CA), directory.path().join(SERVER));
        assert_eq!(trusted(&ca, &server, &names, now), covered, "{name}");
    }
}

#[test]
fn damage_is_repaired() {
    let now = at("2026-03-01T12:00:00Z");
    let other = tempfile::tempdir().unwrap();
    development(other.path(), LOOPBACK, now).unwrap();
    let other = files(other.path());
    for (index, name) in [CA, CA_KEY, SERVER, SERVER_KEY].into_iter().enumerate() {
        for damage in [Some(""), Some("-----BEGIN CERTIFICATE-----\nMA=="), Some(other[index].as_str()), None]
        {
            let directory = tempfile::tempdir().unwrap();
            development(directory.path(), LOOPBACK, now).unwrap();
            let path = directory.path().join(name);
            match damage {
                Some(contents) => fs::write(&path, contents).unwrap(),
                None => fs::remove_file(&path).unwrap(),
            }
            development(directory.path(), LOOPBACK, now).unwrap();
            let (ca, server) = (directory.path().join(CA), directory.path().join(SERVER));
            assert!(trusted(&ca, &server, &names(LOOPBACK), now), "{name} {damage:?}");
            let repaired = files(directory.path());
            development(directory.path(), LOOPBACK, now).unwrap();
            assert_eq!(files(directory.path()), repaired, "{name} {damage:?}: repaired once");
        }
    }
}

#[cfg(unix)]
#[test]
fn keys_are_the_owners() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let mode = |name| fs::metadata(directory.path().join(name)).unwrap().permissions().mode() & 0o777;
    for _ in 0..2 {
        development(directory.path(), LOOPBACK, at("2026-03-01T12:00:00Z")).unwrap();
        assert_eq!([CA, CA_KEY, SERVER, SERVER_KEY].map(mode), [0o644, 0o600, 0o644, 0o600]);
        for key in [CA_KEY, SERVER_KEY] {
            fs::set_permissions(directory.path().join(key), fs::Permissions::from_mode(0o644)).unwrap();
        }
    }
    assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 4, "nothing is left over");
}

#[test]
fn errors_name_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let root = directory.path();
    let now = at("2026-03-01T12:00:00Z");
    development(&root.join("a"), LOOPBACK, now).unwrap();
    development(&root.join("b"), LOOPBACK, now).unwrap();
    fs::write(root.join("text"), "not PEM").unwrap();
    fs::write(root.join("cut"), "-----BEGIN CERTIFICATE-----\nMIIB").unwrap();
    let (certificate, key, ca) = ("a/server.pem", "a/server-key.pem", "a/ca.pem");
    load(&root.join(certificate), &root.join(key)).unwrap();
    let cases = [
        ("none", key, "cannot read {root}/none: No such file or directory (os error 2)"),
        (certificate, "none", "cannot read {root}/none: No such file or directory (os error 2)"),
        ("text", key, "{root}/text holds no PEM certificate: it has no such section"),
        (key, key, "{root}/a/server-key.pem holds no PEM certificate: it has no such section"),
        ("cut", key, "{root}/cut holds no PEM certificate: its section has no END CERTIFICATE line"),
        (certificate, "text", "{root}/text holds no PEM private key: it has no such section"),
        (certificate, ca, "{root}/a/ca.pem holds no PEM private key: it has no such section"),
        (
            certificate,
            "b/server-key.pem",
            "cannot serve TLS with the certificate {root}/a/server.pem and the key {root}/b/server-key.pem: keys may \
             not be consistent: KeyMismatch",
        ),
    ];
    for (certificate, key, expected) in cases {
        let error = load(&root.join(certificate), &root.join(key)).unwrap_err().to_string();
        assert_eq!(error, expected.replace("{root}", root.to_str().unwrap()));
    }
    let error = development(&root.join("text"), LOOPBACK, now).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot write {}/text: ", root.display())), "{error}");
    for now in [Timestamp::MIN, Timestamp::MAX] {
        let error = development(&root.join("c"), LOOPBACK, now).unwrap_err().to_string();
        assert_eq!(error, format!("cannot make a development certificate at {now}"));
    }
}

#[test]
fn der_is_read_within_its_bounds() {
    type Split = Option<(u8, &'static [u8], &'static [u8])>;
    let cases: [(&[u8], Split); 8] = [
        (&[0x30, 0x01, 0x07, 0x09], Some((0x30, &[7], &[9]))),
        (&[0x30, 0x81, 0x01, 0x07], Some((0x30, &[7], &[]))),
        (&[0x30, 0x82, 0x00, 0x01, 0x07], Some((0x30, &[7], &[]))),
        (&[], None),
        (&[0x30], None),
        (&[0x30, 0x80], None),
        (&[0x30, 0x02, 0x07], None),
        (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff, 0x07], None),
    ];
    for (der, expected) in cases {
        assert_eq!(element(der), expected, "{der:x?}");
    }
    let times: [(u8, &str, Option<&str>); 6] = [
        (0x17, "491231235959Z", Some("2049-12-31T23:59:59Z")),
        (0x17, "500101000000Z", Some("1950-01-01T00:00:00Z")),
        (0x18, "20500101000000Z", Some("2050-01-01T00:00:00Z")),
        (0x18, "20501301000000Z", None),
        (0x17, "", None),
        (0x02, "491231235959Z", None),
    ];
    for (tag, text, expected) in times {
        assert_eq!(time(tag, text.as_bytes()), expected.map(at), "{text}");
    }
}

proptest::proptest! {
    #[test]
    fn no_certificate_makes_validity_panic(der in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
        let _ = validity(&der);
    }
}
