//! The consent page: on it a person decides whom to trust.

use askama::Template;

use crate::grants::TokenSettings;
use crate::oauth::authorize::flow::Consent;

#[derive(Template)]
#[template(path = "oauth/consent.html")]
pub(super) struct ConsentPage {
    app: ConsentApp,
    account: ConsentAccount,
    groups: Vec<ScopeGroup>,
    duration: String,
    nothing_new: bool,
    interaction: String,
    csrf: String,
}

struct ConsentApp {
    name: String,
    publisher: Option<String>,
    verified: bool,
    returns_to: String,
    initial: String,
}

struct ConsentAccount {
    name: String,
    identifier: String,
}

struct ScopeGroup {
    service: String,
    scopes: Vec<ScopeLine>,
}

struct ScopeLine {
    value: String,
    sentence: String,
    optional: bool,
    already: bool,
}

impl ConsentPage {
    pub(super) fn new(consent: &Consent, tokens: &TokenSettings, csrf: String) -> Self {
        let client = &consent.target.client;
        Self {
            app: ConsentApp {
                name: client.name.clone(),
                publisher: client.publisher.clone(),
                verified: client.verified || client.first_party,
                returns_to: consent.target.registered.shown_host(),
                initial: client.name.chars().take(1).flat_map(char::to_uppercase).collect(),
            },
            account: ConsentAccount {
                name: consent.signed_in.user.name.clone(),
                identifier: consent.signed_in.user.identifier.clone(),
            },
            groups: groups(consent),
            duration: duration(tokens.family_lifetime(client)),
            nothing_new: !consent.scope.is_empty() && consent.remembered.contains_all(&consent.scope),
            interaction: consent.interaction.to_string(),
            csrf,
        }
    }
}

fn groups(consent: &Consent) -> Vec<ScopeGroup> {
    let groups = consent.catalogue.grouped(&consent.scope).map(|(service, scopes)| ScopeGroup {
        service: service.display_name.clone(),
        scopes: scopes
            .iter()
            .map(|scope| {
                let already = consent.remembered.contains(&scope.value);
                ScopeLine {
                    value: scope.value.to_string(),
                    sentence: scope.sentence.clone(),
                    optional: scope.optional && !already,
                    already,
                }
            })
            .collect(),
    });
    groups.collect()
}

fn duration(lifetime: chrono::Duration) -> String {
    // Rounded up: whoever decides is not to be told less than it is.
    let up_to = |unit: i64| (lifetime.num_seconds() + unit - 1) / unit;
    match up_to(3600) {
        ..=1 => "up to an hour".to_owned(),
        hours @ 2..=48 => format!("{hours} hours"),
        _ => format!("{} days", up_to(86_400)),
    }
}
