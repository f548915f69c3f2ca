//! Asking one document about one request.

use super::budget::{Budget, BudgetExceeded};
use super::context::Context;
use super::document::{Clause, Document, Effect, Statement};
use super::named_principal::PrincipalMatch;
use super::pattern::Pattern;
use super::principal::Principal;
use super::template::Template;

/// Who wants to do what to which resource. One question may be asked of many documents.
#[derive(Debug, Clone)]
pub struct Question<'q> {
    principal: &'q Principal,
    /// In lower case: actions are compared without regard to case.
    action: String,
    resource: &'q str,
    context: &'q Context,
}

impl<'q> Question<'q> {
    /// A question: `action` is such as `kms:Decrypt`, `resource` the ARN of the key (or `*` for an operation
    /// without a key).
    pub fn new(principal: &'q Principal, action: &str, resource: &'q str, context: &'q Context) -> Self {
        Self { principal, action: action.to_ascii_lowercase(), resource, context }
    }
}

/// The statements of one document that apply to a request, in the order of the document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict<'d> {
    matched: Vec<MatchedStatement<'d>>,
}

/// A statement that applies to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MatchedStatement<'d> {
    /// Its place in the document, from 0.
    pub index: usize,
    /// Its `Sid`.
    pub sid: Option<&'d str>,
    /// Whether it allows or denies.
    pub effect: Effect,
    /// The most direct way in which it covers the principal.
    pub by: PrincipalMatch,
}

/// What one document says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// A statement allows and none denies.
    Allow,
    /// A statement denies, whatever others allow.
    ExplicitDeny,
    /// No statement applies.
    ImplicitDeny,
}

impl<'d> Verdict<'d> {
    /// The statements that apply.
    pub fn matched(&self) -> &[MatchedStatement<'d>] {
        &self.matched
    }

    /// The first statement that denies.
    pub fn denied_by(&self) -> Option<&MatchedStatement<'d>> {
        self.matched.iter().find(|statement| statement.effect == Effect::Deny)
    }

    /// The statement that allows most directly; the first such one. That another denies is not looked at.
    pub fn allowed_by(&self) -> Option<&MatchedStatement<'d>> {
        let allows = self.matched.iter().filter(|statement| statement.effect == Effect::Allow);
        allows.rev().max_by_key(|statement| statement.by)
    }

    /// What the document says by itself.
    // AWS: Policy evaluation logic: an explicit deny overrides any allow.
    pub fn decision(&self) -> Decision {
        if self.denied_by().is_some() {
            Decision::ExplicitDeny
        } else if self.allowed_by().is_some() {
            Decision::Allow
        } else {
            Decision::ImplicitDeny
        }
    }
}

/// Asks `document` about `question`.
///
/// # Errors
/// [`BudgetExceeded`] if that takes more steps than `budget` has left; a caller must refuse the request then.
pub fn evaluate<'d>(
    document: &'d Document,
    question: &Question<'_>,
    budget: &mut Budget,
) -> Result<Verdict<'d>, BudgetExceeded> {
    let mut matched = Vec::new();
    for (index, statement) in document.statements.iter().enumerate() {
        if let Some(by) = statement.covers(question, budget)? {
            let sid = statement.sid.as_deref();
            matched.push(MatchedStatement { index, sid, effect: statement.effect, by });
        }
    }
    Ok(Verdict { matched })
}

impl Statement {
    /// How the statement covers the question's principal, if it applies. The cheapest tests come first.
    fn covers(
        &self,
        question: &Question<'_>,
        budget: &mut Budget,
    ) -> Result<Option<PrincipalMatch>, BudgetExceeded> {
        budget.spend(1)?;
        let action = |pattern: &_, budget: &mut _| Pattern::matches(pattern, &question.action, budget);
        if !self.actions.covers(budget, action)? {
            return Ok(None);
        }
        let Some(by) = self.covers_principal(question.principal, budget)? else { return Ok(None) };
        let resource = |template: &Template<Pattern>, budget: &mut Budget| {
            template
                .test(question.context, budget, |pattern, budget| pattern.matches(question.resource, budget))
        };
        if !self.resources.covers(budget, resource)? {
            return Ok(None);
        }
        for condition in &self.conditions {
            if !condition.holds(question.context, budget)? {
                return Ok(None);
            }
        }
        Ok(Some(by))
    }

    fn covers_principal(
        &self,
        principal: &Principal,
        budget: &mut Budget,
    ) -> Result<Option<PrincipalMatch>, BudgetExceeded> {
        let (Some(Clause::Only(patterns)) | Some(Clause::AllBut(patterns))) = &self.principals else {
            return Ok(Some(PrincipalMatch::Attached));
        };
        budget.spend(patterns.len())?;
        let named = patterns.iter().filter_map(|pattern| pattern.matches(principal)).max();
        Ok(match &self.principals {
            Some(Clause::AllBut(_)) => (!self.excepts(named)).then_some(PrincipalMatch::Anyone),
            _ => named,
        })
    }

    /// Whether a `NotPrincipal` that names the principal as `named` exempts it. An account in a Deny exempts
    /// its root user but not the others of the account: the denial of all but one user names that user and the
    /// account.
    // AWS: AWS JSON policy elements: NotPrincipal.
    fn excepts(&self, named: Option<PrincipalMatch>) -> bool {
        match (self.effect, named) {
            (_, None) | (Effect::Deny, Some(PrincipalMatch::Account)) => false,
            (_, Some(_)) => true,
        }
    }
}

impl<T> Clause<T> {
    /// Whether an element that lists or excludes what `test` tells covers the request.
    fn covers(
        &self,
        budget: &mut Budget,
        test: impl Fn(&T, &mut Budget) -> Result<bool, BudgetExceeded>,
    ) -> Result<bool, BudgetExceeded> {
        let (items, found) = match self {
            Self::Only(items) => (items, true),
            Self::AllBut(items) => (items, false),
        };
        for item in items {
            if test(item, budget)? {
                return Ok(found);
            }
        }
        Ok(!found)
    }
}
