//! A history, by what it is about.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use uuid::Uuid;

use super::{Asked, Entry, Heard, World};

/// A history and the world, side by side.
pub(super) struct Told<'a> {
    pub(super) entries: &'a [Entry],
    pub(super) world: &'a World,
    /// The first attempts to end each of these, and their first acknowledgements.
    tokens: HashMap<&'a str, Ended>,
    pub(super) families: HashMap<Uuid, Ended>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    pub(super) asked: Duration,
    pub(super) acknowledged: Option<Duration>,
}

impl Ended {
    fn note(ended: Option<&Self>, entry: &Entry) -> Self {
        let acknowledged = (entry.heard == Heard::Revoked).then_some(entry.ended);
        let first = |one: Option<Duration>, other: Option<Duration>| one.into_iter().chain(other).min();
        Self {
            asked: ended.map_or(entry.began, |ended| ended.asked.min(entry.began)),
            acknowledged: first(acknowledged, ended.and_then(|ended| ended.acknowledged)),
        }
    }
}

impl<'a> Told<'a> {
    pub(super) fn of(entries: &'a [Entry], world: &'a World) -> Self {
        let mut told = Self { entries, world, tokens: HashMap::new(), families: HashMap::new() };
        for entry in entries {
            match (&entry.asked, &entry.heard) {
                (Asked::Revoke(token), _) if world.access.contains_key(token) => {
                    let ended = Ended::note(told.tokens.get(token.as_str()), entry);
                    told.tokens.insert(token, ended);
                }
                // Whoever asks again after an answer was lost may pass for a thief.
                (Asked::Revoke(bearer), _)
                | (Asked::Redeem(bearer) | Asked::Refresh(bearer), Heard::Refused(_)) => {
                    let single = world.codes.get(bearer).or_else(|| world.refresh.get(bearer));
                    if let Some(family) = single.map(|single| single.family) {
                        let ended = Ended::note(told.families.get(&family), entry);
                        told.families.insert(family, ended);
                    }
                }
                _ => {}
            }
        }
        told
    }

    /// Access tokens that somebody was given, each once.
    pub(super) fn given(&self) -> BTreeSet<(&'a str, Option<&'a str>)> {
        let pair = |entry: &'a Entry| match &entry.heard {
            Heard::Tokens(access, refresh) => Some((access.as_str(), refresh.as_deref())),
            _ => None,
        };
        self.entries.iter().filter_map(pair).collect()
    }

    /// What ended a token, if anything did.
    pub(super) fn ends_of(&self, token: &str) -> Vec<Ended> {
        let family = self.world.access.get(token).and_then(|access| access.family);
        let family = family.and_then(|family| self.families.get(&family));
        self.tokens.get(token).into_iter().chain(family).copied().collect()
    }

    pub(super) fn events(&self, kind: &str, target: impl ToString) -> usize {
        self.world.events.get(&(kind.to_owned(), target.to_string())).copied().unwrap_or_default()
    }

    pub(super) fn counts(&self) -> BTreeMap<&'static str, usize> {
        let mut counts = BTreeMap::new();
        for entry in self.entries {
            let what = match (&entry.asked, &entry.heard) {
                (_, Heard::Unknown) => "unknown",
                (_, Heard::Nonsense(_)) => "nonsense",
                (_, Heard::Refused(_)) => "refused",
                (Asked::Issue, _) => "issued",
                (Asked::Redeem(_), _) => "redeemed",
                (Asked::Refresh(_), _) => "refreshed",
                (Asked::Revoke(_), _) => "revoked",
                (Asked::Introspect(_), _) => "introspected",
            };
            *counts.entry(what).or_default() += 1;
        }
        counts.insert("tokens held against the world", self.given().len());
        counts.insert("codes held against the world", self.world.codes.len());
        counts
    }
}
