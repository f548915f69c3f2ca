//! Who may look events up: whoever its own policies allow `cloudtrail:LookupEvents`, which has no resource.
//!
//! AWS: Service Authorization Reference, "Actions, resources, and condition keys for AWS CloudTrail".

use lifecycle::authorize::{CrossAccount, Inquiry, KeyPolicyRule, Named, Resource, Rules, decide};
use lifecycle::policy::Budget;
use serde_json::json;

use super::Exchange;
use super::error::{Code, Error};
use crate::auth::facts::{Surroundings, of_request};
use crate::pipeline::{Authorization, Mode};

const ACTION: &str = "cloudtrail:LookupEvents";

/// Nothing is asked but the caller's own policies.
const RULES: Rules = Rules { key_policy: KeyPolicyRule::Counts, cross_account: CrossAccount::Never };

/// Refuses what the caller's policies do not allow, as `auth.mode` says, and notes why.
pub(super) fn authorize(exchange: &mut Exchange<'_>, rules: Authorization) -> Result<(), Error> {
    let Some(caller) = exchange.caller.as_ref().filter(|_| rules.mode != Mode::Off) else { return Ok(()) };
    let source_ip = exchange.circumstances.source_ip.map(|address| address.to_string());
    let context = of_request(
        Some(caller),
        Surroundings {
            at: exchange.now.domain,
            region: caller.region.as_str(),
            source_ip: source_ip.as_deref().unwrap_or("127.0.0.1"),
            user_agent: exchange.circumstances.user_agent(),
            secure: exchange.circumstances.secure_transport,
        },
    );
    let inquiry = Inquiry {
        principal: caller.principal(),
        action: ACTION,
        resource: Resource::None,
        context: &context,
        identity: &caller.identity.policies,
        resource_control: &caller.identity.resource_control,
        grants: &[],
        rules: RULES,
    };
    let decision = decide(&inquiry, &mut Budget::new(rules.policy_steps_max)).map_err(|exceeded| {
        let text = format!("The policies of the caller take more than {} steps to evaluate.", exceeded.cap);
        Error::new(Code::AccessDeniedException, text)
    })?;
    let Some(denial) = &decision.denial else { return Ok(()) };
    // AWS (observed): unlike KMS, CloudTrail names no resource where there is none.
    let message = denial.message(&inquiry, Named::Identifier).replacen(" on resource: *", "", 1);
    let refusal = Error::new(Code::AccessDeniedException, message);
    let explanation = decision.explain(&inquiry, Named::Identifier);
    exchange.denial = Some(json!({
        "principal": caller.arn(),
        "action": ACTION,
        "resource": "*",
        "explanation": explanation,
    }));
    if rules.mode == Mode::Enforce { Err(refusal) } else { Ok(()) }
}
