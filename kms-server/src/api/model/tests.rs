use super::*;
use crate::api::error::ErrorCode;
use crate::api::shape::{Output, Shape};

#[test]
fn holds_the_56_operations_sorted() {
    assert_eq!(OPERATIONS.len(), 56);
    assert!(OPERATIONS.is_sorted_by(|a, b| a.name < b.name));
}

#[test]
fn find_is_exact() {
    for operation in OPERATIONS {
        assert!(std::ptr::eq(find(operation.name).unwrap(), *operation));
    }
    for name in ["", "decrypt", "Decrypt ", "Aardvark", "Zebra", "TrentService.Decrypt"] {
        assert!(find(name).is_none(), "{name}");
    }
}

#[test]
fn outputs_that_carry_nothing() {
    let named = |wanted: fn(&Output) -> bool| -> Vec<&str> {
        OPERATIONS.iter().filter(|o| wanted(&o.output)).map(|o| o.name).collect()
    };
    let no_body = [
        "CreateAlias",
        "DeleteAlias",
        "DisableKey",
        "DisableKeyRotation",
        "EnableKey",
        "EnableKeyRotation",
        "PutKeyPolicy",
        "RetireGrant",
        "RevokeGrant",
        "TagResource",
        "UntagResource",
        "UpdateAlias",
        "UpdateKeyDescription",
        "UpdatePrimaryRegion",
    ];
    assert_eq!(named(|output| matches!(output, Output::NoBody)), no_body);
    let empty =
        ["ConnectCustomKeyStore", "DeleteCustomKeyStore", "DisconnectCustomKeyStore", "UpdateCustomKeyStore"];
    assert_eq!(named(|output| matches!(output, Output::Empty)), empty);
}

#[test]
fn every_operation_may_fail_inside() {
    for operation in OPERATIONS {
        assert!(operation.errors.contains(&ErrorCode::KMSInternalException), "{}", operation.name);
    }
}

#[test]
fn printed_sets_hold_the_accepted_values() {
    for operation in OPERATIONS {
        for member in operation.input.members {
            let Shape::Enum(shape) = member.shape else { continue };
            // AWS (observed): the set GenerateDataKey prints for KeySpec is CreateKey's.
            if shape.name == "DataKeySpec" {
                continue;
            }
            let sorted = |values: &[&'static str]| {
                let mut values = values.to_vec();
                values.sort_unstable();
                values
            };
            assert_eq!(sorted(shape.values), sorted(shape.printed), "{}.{}", operation.name, member.name);
        }
    }
}
