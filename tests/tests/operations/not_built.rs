//! What is known but not built says so.

use fixtures::TestKms;
use serde_json::json;

use super::subject::Subject;
use super::wire::call;

#[tokio::test]
async fn parameters_that_are_known_but_not_carried_out_say_so() {
    let kms = TestKms::new();
    let recipient = json!({"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": "AAAA"});
    for operation in
        ["Decrypt", "DeriveSharedSecret", "GenerateDataKey", "GenerateDataKeyPair", "GenerateRandom"]
    {
        let key = Subject::of(&kms, operation).await;
        let mut input = key.request(operation);
        input["Recipient"] = recipient.clone();
        call(&kms, operation, input).await.refuses("NotImplementedException", "Recipient is not implemented");
    }
}
