//! The door, driven: a real server, a real Postgres, whole answers. Each test is named by the rule it holds.

#![allow(clippy::too_many_lines, reason = "a test tells its story in one piece")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::missing_docs_in_private_items,
    reason = "in a test, to panic is to fail, and the world is real"
)]

mod support;

mod account;
mod audit;
mod authorize;
mod caches;
mod calls;
mod chain;
mod client_authentication;
mod client_credentials;
mod clients_api;
mod code;
mod commands;
mod connected_apps;
mod consent;
mod cors;
mod credentials;
mod demo;
mod doctor;
mod docs_pages;
mod documents;
mod eligibility;
mod examples;
mod faults;
mod forward_auth;
mod fuzz;
mod guard;
mod hardened;
mod hardened_chain;
mod hardened_checkpoints;
mod hardened_partitions;
mod hardened_roles;
mod hardened_traffic;
mod hardened_writer;
mod history;
mod http;
mod idempotency;
mod introspection;
mod jwt;
mod killed;
mod lanes;
mod leaks;
mod limit_commands;
mod limits;
mod limits_api;
mod management;
mod management_document;
mod metadata;
mod nodes;
mod organizations;
mod pages;
mod partitions;
mod penalties;
mod personal_tokens;
mod pkce;
mod process;
mod proxies;
mod races;
mod real_clients;
mod redirect_uri;
mod refresh;
mod resources;
mod revocation;
mod revoked_credentials;
mod self_api;
mod services_api;
mod sign_in;
mod signed_introspection;
mod signing;
mod startup_errors;
mod tenant;
mod token_endpoint;
mod traffic;
mod trail_api;
mod used;
mod users_api;
