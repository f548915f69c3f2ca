//! Who sends the requests, and how they are signed.

use std::fmt::Write as _;
use std::path::Path;
use std::time::SystemTime;

use aws_sdk_kms::config::Credentials;
use aws_sigv4::http_request::{SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";
const CHINESE_REGION: &str = "cn-north-1";
const ACCESS_KEY: &str = "AKIDBENCH";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A caller of the server.
pub(crate) enum Caller {
    /// The root user of an account, by an access key that the server does not know and cannot verify.
    Root,
    /// The same in a Region of China.
    RootInChina,
    /// A user with an access key and an identity policy; signatures are verified.
    User(Credentials),
}

impl Caller {
    pub(crate) fn user() -> Caller {
        Caller::User(Credentials::new(ACCESS_KEY, SECRET, None, None, "bench"))
    }

    /// Writes what the server has to know of the caller; hands back the arguments that make it read that.
    pub(crate) fn introduce(&self, folder: &Path) -> Vec<String> {
        if matches!(self, Caller::Root | Caller::RootInChina) {
            return Vec::new();
        }
        let file = folder.join("principals.yaml");
        let text = format!(
            r#"
users:
  - arn: arn:aws:iam::{ACCOUNT}:user/bench
    access_keys: [{{ id: {ACCESS_KEY}, secret: {SECRET} }}]
    policies:
      - name: keys
        document:
          Version: "2012-10-17"
          Statement:
            - {{ Effect: Allow, Action: "kms:CreateKey", Resource: "*" }}
            - Effect: Allow
              Action: ["kms:DescribeKey", "kms:GenerateDataKey*"]
              Resource: "arn:aws:kms:{REGION}:{ACCOUNT}:key/*"
            - Effect: Allow
              Action: ["kms:Encrypt", "kms:Decrypt"]
              Resource: "arn:aws:kms:{REGION}:{ACCOUNT}:key/*"
              Condition: {{ StringEquals: {{ "kms:EncryptionContext:tenant": a }} }}
"#
        );
        std::fs::write(&file, text).expect("a folder to write to");
        vec!["--principals".into(), file.to_str().expect("a path in UTF-8").into()]
    }

    /// An operation as an SDK sends it, signed now.
    pub(crate) fn request(&self, operation: &str, body: &str) -> Vec<u8> {
        self.with_headers(operation, body, "")
    }

    /// The same for the bare handler, with the length of the reply that it is to give.
    pub(crate) fn bare_request(&self, operation: &str, body: &str, reply: usize) -> Vec<u8> {
        self.with_headers(operation, body, &format!("x-reply-length: {reply}\r\n"))
    }

    fn with_headers(&self, operation: &str, body: &str, more: &str) -> Vec<u8> {
        let target = format!("TrentService.{operation}");
        let signed = [
            ("host", "127.0.0.1"),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target.as_str()),
        ];
        let mut head = String::from("POST / HTTP/1.1\r\n");
        for (name, value) in signed {
            let _ = write!(head, "{name}: {value}\r\n");
        }
        head += &self.signature(&signed, body);
        let _ = write!(head, "user-agent: bench\r\n{more}content-length: {}\r\n\r\n{body}", body.len());
        head.into_bytes()
    }

    /// The headers that a signature adds.
    fn signature(&self, headers: &[(&str, &str)], body: &str) -> String {
        let unverified = |region| {
            format!(
                "x-amz-date: 20260101T000000Z\r\n\
                 authorization: AWS4-HMAC-SHA256 Credential={ACCOUNT}/20260101/{region}/kms/aws4_request, \
                 SignedHeaders=content-type;host;x-amz-date;x-amz-target, Signature={}\r\n",
                "0".repeat(64)
            )
        };
        let credentials = match self {
            Caller::Root => return unverified(REGION),
            Caller::RootInChina => return unverified(CHINESE_REGION),
            Caller::User(credentials) => credentials,
        };
        let identity = credentials.clone().into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("kms")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .expect("all that a signature needs")
            .into();
        let body = SignableBody::Bytes(body.as_bytes());
        let request = SignableRequest::new("POST", "http://127.0.0.1/", headers.iter().copied(), body)
            .expect("a request that can be signed");
        let (instructions, _) = sign(request, &parameters).expect("a signature").into_parts();
        instructions.headers().map(|(name, value)| format!("{name}: {value}\r\n")).collect()
    }
}
