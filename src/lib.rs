//! Grantor: a standalone OAuth 2.1 authorization server that also guards the API behind it.
//!
//! The modules below are the floors of the house, from the ground up: a module imports only from those above
//! it in this list. `tests/house.rs` holds this, and the following.
//!
//! - **Nouns** own tables and verbs own endpoints; only a noun's `store.rs` touches its tables.
//! - Inside a verb, `http.rs` parses and answers, `flow.rs` tells the story, `rules.rs` decides, purely.
//! - Nothing is written outside [`audit::Ledger`]: an act and its events are one commit.
//! - A denial is a value and commits; a fault is an error and rolls back.
//! - A bearer is stored as its SHA-256 only, and never logged.
//! - [`decision`] alone says whether a bearer is good; [`kernel::Standing`] alone whether somebody may act.
//! - Time is read once a request and passed down; randomness comes from one file.
//! - `oxide_auth` is known to `oauth/engine` alone, Diesel to the stores, actix-web to no rule or flow.

#[rustfmt::skip]
#[allow(missing_docs)]
pub mod schema;

/// 0 · Pure values: ids, scope, secrets, bearers, denials. No I/O, no clock.
pub mod kernel;
/// 1 · Between the process and the world: clock, entropy, database, browser, log.
pub mod platform;
/// 2 · The event log, and the only door to a transaction.
pub mod audit;
/// 3 · What every call leaves behind: the request log, and how much it was in all.
pub mod traffic;
/// 4 · Signing keys, the key set, JWTs in and out.
pub mod signing;
/// 5 · How much is too much: the network guard, and the limits of plans, people, keys and services.
pub mod limits;
/// 6 · Principals and their accounts, organizations, plans, people, sessions, sign-in, interactions.
pub mod accounts;
/// 7 · Resource servers: audience, scopes and their sentences, routes, and who may call them.
pub mod services;
/// 8 · Long-lived secrets: API keys, personal tokens, client secrets; the page of one's tokens.
pub mod credentials;
/// 9 · OAuth clients: registration and authentication.
pub mod clients;
/// 10 · Grants, families, codes, access and refresh tokens.
pub mod grants;
/// 11 · Is this bearer good, and may it make this call?
pub mod decision;
/// 12 · The protocol's verbs: authorize, token, introspect, revoke, metadata.
pub mod oauth;
/// 15 · In front of somebody's API: what proxies ask before they let a request through.
pub mod gateway;
/// 17 · Settings, state, routes, startup, commands.
pub mod app;
