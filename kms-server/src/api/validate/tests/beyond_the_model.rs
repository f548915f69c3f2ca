//! Combinations that the validator knows and the model happens not to use.

use serde_json::json;

use crate::api::shape::{
    Bounds, EnumShape, Pattern, Sensitivity, Shape, StringShape, Structure, optional, required,
};
use crate::api::validate::validate;

static LETTERS: Pattern = Pattern::modelled("[a-z]+", |text| {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_lowercase())
});
static MADE_UP_ITEM: Shape = Shape::Structure(&Structure {
    name: "Item",
    members: &[
        required("Id", &Shape::Integer(Bounds::of(1, 9))),
        optional(
            "Labels",
            &Shape::Map { key: &StringShape::of(1, 3).matching(&LETTERS), value: &StringShape::of(0, 2) },
        ),
    ],
});
static MADE_UP: Structure = Structure {
    name: "MadeUp",
    members: &[
        optional("Items", &Shape::List { member: &MADE_UP_ITEM, length: Bounds::of(0, 1) }),
        optional("Numbers", &Shape::List { member: &Shape::Integer(Bounds::of(1, 2)), length: Bounds::NONE }),
        optional(
            "Blobs",
            &Shape::List {
                member: &Shape::Blob { length: Bounds::of(1, 2), sensitivity: Sensitivity::Sensitive },
                length: Bounds::of(1, 2),
            },
        ),
        optional("Kind", &Shape::Enum(EnumShape::of("Kind", &["A"]))),
    ],
};

#[test]
fn every_violation_of_every_shape() {
    let mut input = json!({
        "Items": [{ "Id": 1, "Labels": { "a": "b", "C": "ccc" } }, { "Id": 10 }],
        "Numbers": [1, 3],
        "Blobs": [""],
        "Kind": "B",
    });
    let error = validate(&MADE_UP, &mut input).unwrap_err();
    let expected = [
        "7 validation errors detected: Value at 'items' failed to satisfy constraint: \
         Member must have length less than or equal to 1",
        "Value '{C=ccc, a=b}' at 'items.1.member.labels' failed to satisfy constraint: Map keys must satisfy \
         constraint: [Member must have length less than or equal to 3, Member must have length greater \
         than or \
         equal to 1, Member must satisfy regular expression pattern: [a-z]+]",
        "Value '{C=ccc, a=b}' at 'items.1.member.labels' failed to satisfy constraint: Map value must \
         satisfy \
         constraint: [Member must have length less than or equal to 2, Member must have length greater \
         than or \
         equal to 0]",
        "Value '10' at 'items.2.member.id' failed to satisfy constraint: \
         Member must have value less than or equal to 9",
        "Value '[1, 3]' at 'numbers' failed to satisfy constraint: Member must satisfy constraint: \
         [Member must have value less than or equal to 2, Member must have value greater than or equal \
         to 1]",
        "Value at 'blobs' failed to satisfy constraint: Member must satisfy constraint: \
         [Member must have length less than or equal to 2, Member must have length greater than or \
         equal to 1]",
        "Value 'B' at 'kind' failed to satisfy constraint: Member must satisfy enum value set: [A]",
    ];
    assert_eq!(error.message.unwrap(), expected.join("; "));
}
