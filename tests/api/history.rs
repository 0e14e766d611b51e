//! The checker of histories finds what it is there to find: each test doctors a world or a history that holds.

use std::time::Duration;

use uuid::Uuid;

use crate::support::history::{Access, Asked, Entry, Heard, Single, World, check};

const FAMILY: Uuid = Uuid::from_u128(0xfa);

/// A code that became tokens, which were refreshed, and a token that was revoked: told and done alike.
struct Story {
    entries: Vec<Entry>,
    world: World,
}

impl Story {
    fn new() -> Self {
        let tokens = |access: &str, refresh: &str| Heard::Tokens(access.into(), Some(refresh.into()));
        let told = [
            (Asked::Redeem("code".into()), tokens("first", "old")),
            (Asked::Refresh("old".into()), Heard::Unknown),
            (Asked::Refresh("old".into()), tokens("second", "new")),
            (Asked::Introspect("second".into()), Heard::Good(true)),
            (Asked::Issue, Heard::Tokens("own".into(), None)),
            (Asked::Issue, Heard::Unknown),
            (Asked::Revoke("own".into()), Heard::Revoked),
            (Asked::Introspect("own".into()), Heard::Good(false)),
        ];
        let entry = |(turn, (asked, heard)): (u64, _)| {
            let began = Duration::from_secs(10 * turn);
            Entry { asked, heard, began, ended: began + Duration::from_secs(1) }
        };
        Self { entries: (0..).zip(told).map(entry).collect(), world: world() }
    }

    /// Adds a request after all others.
    fn then(&mut self, asked: Asked, heard: Heard) {
        let began = Duration::from_secs(1000);
        self.entries.push(Entry { asked, heard, began, ended: began + Duration::from_secs(1) });
    }

    #[track_caller]
    fn is_caught(&self, words: &str) {
        let report = check(&self.entries, &self.world);
        assert!(report.breaches.iter().any(|breach| breach.contains(words)), "no {words:?} in {report}");
    }
}

fn world() -> World {
    let access = |id, family, is_good: bool| {
        let id = Uuid::from_u128(id);
        Access { id, family, is_revoked: !is_good, is_good }
    };
    let single = |is_used, successors| Single { family: FAMILY, is_used, successors };
    let own = access(3, None, false);
    let told = [("code.redeemed", FAMILY), ("token.revoked", own.id)];
    World {
        access: [
            ("first".into(), access(1, Some(FAMILY), true)),
            ("second".into(), access(2, Some(FAMILY), true)),
            ("own".into(), own),
        ]
        .into(),
        codes: [("code".into(), single(true, 0))].into(),
        refresh: [("old".into(), single(true, 1)), ("new".into(), single(false, 0))].into(),
        families: [(FAMILY, None)].into(),
        issued_to: [(FAMILY, 2)].into(),
        issued: 1,
        events: told.map(|(kind, target)| ((kind.to_owned(), target.to_string()), 1)).into(),
    }
}

#[test]
fn a_history_that_holds_is_not_complained_of() {
    let story = Story::new();
    let report = check(&story.entries, &story.world);
    assert_eq!(report.breaches, Vec::<String>::new());
    for (what, many) in [("issued", 1), ("redeemed", 1), ("refreshed", 1), ("revoked", 1), ("unknown", 2)] {
        assert_eq!(report.counts[what], many, "{what}");
    }
}

#[test]
fn a_lost_token_is_caught() {
    let mut story = Story::new();
    story.world.access.remove("second");
    story.is_caught("an acknowledged access token is lost: second");
    let mut story = Story::new();
    story.world.refresh.remove("new");
    story.is_caught("an acknowledged refresh token is lost");
}

#[test]
fn a_token_that_died_of_nothing_is_caught() {
    let mut story = Story::new();
    story.world.access.get_mut("first").expect("it").is_good = false;
    story.is_caught("nobody ended it: first");
    // Somebody tried to: whether they did is not known, and either is right.
    story.then(Asked::Revoke("new".into()), Heard::Unknown);
    story.world.families.insert(FAMILY, Some("revoked".into()));
    story.world.events.insert(("family.revoked".into(), FAMILY.to_string()), 1);
    assert_eq!(check(&story.entries, &story.world).breaches, Vec::<String>::new());
}

#[test]
fn a_lost_revocation_is_caught() {
    let mut story = Story::new();
    let own = story.world.access.get_mut("own").expect("it");
    (own.is_revoked, own.is_good) = (false, true);
    story.is_caught("an acknowledged revocation is lost: own");
    story.is_caught("a token outlived its end: own");
    let mut story = Story::new();
    story.then(Asked::Revoke("new".into()), Heard::Revoked);
    story.is_caught("an acknowledged revocation is lost: new");
}

#[test]
fn a_false_word_at_the_door_is_caught() {
    let mut story = Story::new();
    story.then(Asked::Introspect("own".into()), Heard::Good(true));
    story.is_caught("a revoked token was called good: own");
    let mut story = Story::new();
    story.then(Asked::Introspect("first".into()), Heard::Good(false));
    story.is_caught("a good token was called bad: first");
}

#[test]
fn what_came_of_a_dead_family_is_caught() {
    let mut story = Story::new();
    story.then(Asked::Revoke("new".into()), Heard::Revoked);
    story.world.families.insert(FAMILY, Some("revoked".into()));
    let late = Duration::from_secs(2000);
    let heard = Heard::Tokens("third".into(), Some("newest".into()));
    story.entries.push(Entry { asked: Asked::Refresh("new".into()), heard, began: late, ended: late });
    story.is_caught("a family was refreshed after its end: new");
}

#[test]
fn a_code_or_a_refresh_token_that_was_used_twice_is_caught() {
    for asked in [Asked::Redeem("code".into()), Asked::Refresh("old".into())] {
        let mut story = Story::new();
        story.then(asked, Heard::Tokens("own".into(), None));
        story.is_caught("became 2 access tokens");
    }
    // Also where only one of the two was heard of.
    let mut story = Story::new();
    story.world.issued_to.insert(FAMILY, 3);
    story.is_caught("2 bearers were used for 3 access tokens");
}

#[test]
fn an_event_that_is_missing_or_told_twice_is_caught() {
    for kind in ["code.redeemed", "token.revoked"] {
        for many in [0, 2] {
            let mut story = Story::new();
            let event = story.world.events.iter_mut().find(|((own, _), _)| own == kind);
            *event.expect("an event").1 = many;
            story.is_caught(&format!("{many} events {kind}"));
        }
    }
    let mut story = Story::new();
    story.world.events.insert(("refresh.reused".into(), FAMILY.to_string()), 1);
    story.is_caught("1 events refresh.reused");
}

#[test]
fn half_of_what_nobody_was_told_of_is_caught() {
    let mut story = Story::new();
    story.world.refresh.get_mut("old").expect("it").successors = 0;
    story.is_caught("old has 0 successors");
    for (issued, holds) in [(0, false), (1, true), (2, true), (3, false)] {
        let mut story = Story::new();
        story.world.issued = issued;
        assert_eq!(check(&story.entries, &story.world).breaches.is_empty(), holds, "{issued}");
    }
}

#[test]
fn an_answer_that_nobody_should_hear_is_caught() {
    let mut story = Story::new();
    story.then(Asked::Issue, Heard::Nonsense("500 ".into()));
    story.is_caught("was answered 500");
}
