//! Forward-auth: a proxy asks before it lets a request through, and is told yes or no by a status.
//!
//! nginx, Caddy and Traefik ask at `/authz`, Envoy at `/authz/envoy/…`; `docs/forward-auth.md` has the configurations.
//! Only proxies that the operator named are answered, and whatever cannot be known for sure is a no.

pub mod http;

mod flow;
mod phantom;
mod refusal;
mod rules;

use std::sync::Arc;

use ipnet::IpNet;

use crate::decision::calls::Calls;
use crate::limits::guard::Guard;
use crate::signing::Keys;

/// What it takes to answer a proxy.
pub struct ForwardAuth {
    /// Who decides.
    pub calls: Calls,
    /// Who fails too often.
    pub guard: Arc<Guard>,
    /// What signs what upstreams are told.
    pub keys: Arc<Keys>,
    /// Our name.
    pub issuer: String,
    /// Who may ask.
    pub trusted_proxies: Vec<IpNet>,
}
