//! The pages in a real browser: Chromium over a real server. Every page that any test sees is checked as a whole
//! (`checks.rs`): nothing in the console, nothing the policy refused, no barrier that axe-core knows.

#![allow(clippy::too_many_lines, reason = "a test tells its story in one piece")]
#![allow(
    clippy::expect_used,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::disallowed_methods,
    clippy::missing_docs_in_private_items,
    reason = "in a test, to panic is to fail, and the world is real"
)]

#[path = "../api/support/mod.rs"]
mod support;

mod checks;
mod chromium;
mod elsewhere;
mod look;
mod showcase;
mod stage;
mod tab;

mod account;
mod checked;
mod demo;
mod injection;
mod journey;
mod keyboard;
mod looks;
mod origins;
mod screenshots;
mod session;
mod tokens;
mod two_tabs;
mod weight;
