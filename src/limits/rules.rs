//! Which limits bind a call. Of one name the most specific counts; those of a service and of its routes come on top.

use std::collections::BTreeMap;

use crate::limits::limit::{Limit, LimitName, Terms};
use crate::limits::owner::{Caller, Counter, Place, Target, Whose};

/// A limit that binds a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Applied {
    /// How it is called in the answer: its name, and where it stands if that is not everywhere.
    pub label: String,
    /// What it says.
    pub terms: Terms,
    /// How much: only what has a quota binds.
    pub quota: u64,
    /// Under which key the use is counted.
    pub counter: Counter,
}

/// Those of these limits that bind this call, those that bind everywhere first, and shorter windows before longer.
pub fn applied<'a>(
    limits: impl IntoIterator<Item = &'a Limit>,
    caller: &Caller,
    target: Target,
) -> Vec<Applied> {
    let mut chosen = BTreeMap::<(Place, &LimitName), (Rank, &Limit)>::new();
    for limit in limits.into_iter().filter(|limit| stands_at(limit.owner.place, target)) {
        let Some(rank) = rank(&limit.owner.whose, caller) else { continue };
        let slot = chosen.entry((limit.owner.place, limit.terms.name())).or_insert((rank, limit));
        if rank > slot.0 {
            *slot = (rank, limit);
        }
    }
    let mut applied: Vec<(Place, Applied)> = chosen
        .into_values()
        .filter_map(|(rank, limit)| Some((limit.owner.place, apply(rank, limit, caller)?)))
        .collect();
    applied.sort_by_key(|(place, applied)| (*place, applied.terms.kind().window_s()));
    applied.into_iter().map(|(_, applied)| applied).collect()
}

/// How closely a limit is meant for a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Everyone,
    Plan,
    Account,
    Principal,
    Credential,
}

fn rank(whose: &Whose, caller: &Caller) -> Option<Rank> {
    match whose {
        Whose::Everyone => Some(Rank::Everyone),
        Whose::Plan(plan) => (caller.plan.as_ref() == Some(plan)).then_some(Rank::Plan),
        Whose::Principal(id) if *id == caller.principal => Some(Rank::Principal),
        Whose::Principal(id) => (*id == caller.account).then_some(Rank::Account),
        Whose::Credential(id) => (caller.credential == Some(*id)).then_some(Rank::Credential),
    }
}

fn stands_at(place: Place, target: Target) -> bool {
    match place {
        Place::Anywhere => true,
        Place::Service(service) => target.service == Some(service),
        Place::Route(service, route) => target.service == Some(service) && target.route == Some(route),
    }
}

/// What a plan grants, the account's people and keys share; what is granted to somebody, they have for themselves.
fn apply(rank: Rank, limit: &Limit, caller: &Caller) -> Option<Applied> {
    let subject = match (rank, caller.credential) {
        (Rank::Credential, Some(credential)) => credential.uuid(),
        (Rank::Principal, _) => caller.principal.uuid(),
        _ => caller.account.uuid(),
    };
    let (place, terms) = (limit.owner.place, limit.terms.clone());
    Some(Applied {
        label: label(terms.name(), place),
        quota: terms.quota()?,
        counter: Counter::of(caller.account, subject, place, &terms),
        terms,
    })
}

fn label(name: &LimitName, place: Place) -> String {
    let name = name.as_str();
    match place {
        Place::Anywhere => name.to_owned(),
        Place::Service(_) => format!("{name}@service"),
        Place::Route(..) => format!("{name}@route"),
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::kernel::{CredentialId, LimitId, PrincipalId, ServiceId};
    use crate::limits::limit::Wording;
    use crate::limits::owner::LimitOwner;

    const ACCOUNT: u128 = 1;
    const PERSON: u128 = 2;
    const KEY: u128 = 3;
    const ORDERS: u128 = 4;
    const ROUTE: u128 = 5;

    fn principal(id: u128) -> PrincipalId {
        PrincipalId::from_uuid(Uuid::from_u128(id))
    }

    /// `whose place name quota`, as `plan:free anywhere minute 10`.
    fn limit(line: &str) -> Limit {
        let words: Vec<&str> = line.split(' ').collect();
        let [whose, place, name, quota] = words[..] else { panic!("{line}") };
        let whose = match whose {
            "everyone" => Whose::Everyone,
            "person" => Whose::Principal(principal(PERSON)),
            "account" => Whose::Principal(principal(ACCOUNT)),
            "stranger" => Whose::Principal(principal(99)),
            "key" => Whose::Credential(CredentialId::from_uuid(Uuid::from_u128(KEY))),
            plan => Whose::Plan(plan.to_owned()),
        };
        let orders = ServiceId::from_uuid(Uuid::from_u128(ORDERS));
        let place = match place {
            "anywhere" => Place::Anywhere,
            "orders" => Place::Service(orders),
            "route" => Place::Route(orders, Uuid::from_u128(ROUTE)),
            _ => Place::Service(ServiceId::from_uuid(Uuid::from_u128(98))),
        };
        let window_s = if name == "day" { 86_400 } else { 60 };
        let quota = quota.parse().ok();
        let wording = Wording { name, kind: "sliding", quota, window_s, unit: "requests", on_error: "local" };
        let owner = LimitOwner::new(whose, place).expect("an owner");
        Limit { id: LimitId::from_uuid(Uuid::nil()), owner, terms: Terms::read(&wording).expect("terms") }
    }

    fn caller() -> Caller {
        let credential = Some(CredentialId::from_uuid(Uuid::from_u128(KEY)));
        let (account, principal) = (principal(ACCOUNT), principal(PERSON));
        Caller { plan: Some("free".to_owned()), account, principal, credential }
    }

    fn target() -> Target {
        Target {
            service: Some(ServiceId::from_uuid(Uuid::from_u128(ORDERS))),
            route: Some(Uuid::from_u128(ROUTE)),
        }
    }

    fn told(lines: &[&str]) -> String {
        let limits: Vec<Limit> = lines.iter().map(|line| limit(line)).collect();
        let applied = applied(&limits, &caller(), target());
        let told: Vec<String> =
            applied.iter().map(|limit| format!("{}={}", limit.label, limit.quota)).collect();
        told.join(" ")
    }

    #[test]
    fn of_one_name_the_most_specific_counts_and_services_add() {
        let cases: [(&[&str], &str); 11] = [
            (&[], ""),
            (&["free anywhere day 100", "free anywhere minute 10"], "minute=10 day=100"),
            (&["pro anywhere minute 60", "free anywhere minute 10"], "minute=10"),
            (&["free anywhere minute 10", "account anywhere minute 20"], "minute=20"),
            (&["person anywhere minute 30", "account anywhere minute 20"], "minute=30"),
            (&["key anywhere minute 5", "person anywhere minute 30", "free anywhere minute 10"], "minute=5"),
            (&["free anywhere minute 10", "free anywhere day 9", "key anywhere minute none"], "day=9"),
            (&["stranger anywhere minute 1", "free elsewhere minute 2"], ""),
            (&["free anywhere minute 10", "everyone orders minute 7"], "minute=10 minute@service=7"),
            (&["everyone orders minute 7", "free orders minute 8"], "minute@service=8"),
            (
                &["free anywhere minute 1", "everyone orders minute 2", "everyone route minute 3"],
                "minute=1 minute@service=2 minute@route=3",
            ),
        ];
        for (lines, expected) in cases {
            assert_eq!(told(lines), expected, "{lines:?}");
        }
    }

    #[test]
    fn who_shares_a_limit_shares_its_counter_and_nobody_else() {
        let of = |line: &str| applied(&[limit(line)], &caller(), target()).remove(0).counter;
        assert_eq!(
            of("free anywhere minute 10"),
            of("account anywhere minute 20"),
            "what is used stays used"
        );
        let lines = [
            "free anywhere minute 10",
            "free anywhere other 10",
            "free anywhere day 10",
            "person anywhere minute 10",
            "key anywhere minute 10",
            "free orders minute 10",
            "free route minute 10",
        ];
        let counters: std::collections::BTreeSet<Counter> = lines.iter().map(|line| of(line)).collect();
        assert_eq!(counters.len(), lines.len());
        assert!(counters.iter().all(|counter| counter.account == Uuid::from_u128(ACCOUNT)));
    }

    #[test]
    fn nothing_binds_everybody_everywhere() {
        assert!(LimitOwner::new(Whose::Everyone, Place::Anywhere).is_none());
    }
}
