//! The table `limits`.

mod changes;
mod search;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::audit::Lookup;
use crate::kernel::{CredentialId, Fault, LimitId, PrincipalId, ServiceId};
use crate::limits::limit::{Limit, Terms, Wording};
use crate::limits::owner::{LimitOwner, Place, Whose};
use crate::platform::db::Connection;
use crate::schema::limits;

pub use changes::{hand_on, insert, remove, set, update};
pub use search::{Asked, Seen, binding, find, find_at, list};

/// A limit as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// What it is.
    pub limit: Limit,
    /// One more with every change.
    pub version: i64,
    /// Since when it exists.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

#[derive(Queryable, Selectable, Insertable)]
#[diesel(table_name = limits)]
struct Row {
    id: Uuid,
    plan_id: Option<String>,
    principal_id: Option<Uuid>,
    credential_id: Option<Uuid>,
    service_id: Option<Uuid>,
    route_id: Option<Uuid>,
    name: String,
    kind: String,
    quota: Option<i64>,
    window_s: i64,
    unit: String,
    on_error: String,
    created_at: DateTime<Utc>,
    updated_at: DateTime<Utc>,
    version: i64,
}

/// The columns of whom a limit binds: plan, principal, credential.
fn whom(whose: &Whose) -> (Option<String>, Option<Uuid>, Option<Uuid>) {
    match whose {
        Whose::Everyone => (None, None, None),
        Whose::Plan(plan) => (Some(plan.clone()), None, None),
        Whose::Principal(id) => (None, Some(id.uuid()), None),
        Whose::Credential(id) => (None, None, Some(id.uuid())),
    }
}

/// The columns of where it stands: service, route.
fn place(place: Place) -> (Option<Uuid>, Option<Uuid>) {
    match place {
        Place::Anywhere => (None, None),
        Place::Service(service) => (Some(service.uuid()), None),
        Place::Route(service, route) => (Some(service.uuid()), Some(route)),
    }
}

impl Row {
    fn of(limit: &Limit, now: DateTime<Utc>) -> Self {
        let Limit { id, owner, terms } = limit;
        let (service_id, route_id) = place(owner.place);
        let (plan_id, principal_id, credential_id) = whom(&owner.whose);
        Self {
            id: id.uuid(),
            plan_id,
            principal_id,
            credential_id,
            service_id,
            route_id,
            name: terms.name().as_str().to_owned(),
            kind: terms.kind().as_str().to_owned(),
            quota: terms.quota().and_then(|quota| i64::try_from(quota).ok()),
            window_s: terms.kind().window_s().into(),
            unit: terms.unit().as_str().to_owned(),
            on_error: terms.on_error().as_str().to_owned(),
            created_at: now,
            updated_at: now,
            version: 1,
        }
    }

    /// A row that makes no sense is a fault: without it, somebody might do more than they may.
    fn limit(self) -> Result<Limit, Fault> {
        let wording = Wording {
            name: &self.name,
            kind: &self.kind,
            quota: self.quota,
            window_s: self.window_s,
            unit: &self.unit,
            on_error: &self.on_error,
        };
        let nonsense = |why: &str| Fault::internal(format!("the limit {} makes no sense: {why}", self.id));
        let terms = Terms::read(&wording).map_err(|error| nonsense(&error.to_string()))?;
        let owner = LimitOwner::new(self.whose(), self.place()).ok_or_else(|| nonsense("it is nobody's"))?;
        Ok(Limit { id: LimitId::from_uuid(self.id), owner, terms })
    }

    fn stored(self) -> Result<Stored, Fault> {
        let (version, created_at, updated_at) = (self.version, self.created_at, self.updated_at);
        Ok(Stored { limit: self.limit()?, version, created_at, updated_at })
    }

    fn whose(&self) -> Whose {
        match (&self.plan_id, self.principal_id, self.credential_id) {
            (Some(plan), _, _) => Whose::Plan(plan.clone()),
            (_, Some(id), _) => Whose::Principal(PrincipalId::from_uuid(id)),
            (_, _, Some(id)) => Whose::Credential(CredentialId::from_uuid(id)),
            (None, None, None) => Whose::Everyone,
        }
    }

    fn place(&self) -> Place {
        let service = self.service_id.map(ServiceId::from_uuid);
        match (service, self.route_id) {
            (None, _) => Place::Anywhere,
            (Some(service), None) => Place::Service(service),
            (Some(service), Some(route)) => Place::Route(service, route),
        }
    }
}

/// Those of plans and of services, to be found: all of them.
pub(super) struct FindCommon;

impl Lookup for FindCommon {
    type Found = Arc<[Limit]>;

    fn find(asking: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let rows: Vec<Row> = limits::table
            .filter(limits::principal_id.is_null().and(limits::credential_id.is_null()))
            .select(Row::as_select())
            .load(connection)?;
        let found: Arc<[Limit]> = rows.into_iter().map(Row::limit).collect::<Result<_, _>>()?;
        Ok(asking.iter().map(|_| Arc::clone(&found)).collect())
    }
}

/// Those of a principal or a credential, to be found.
pub(super) struct FindOwn(pub(super) Uuid);

impl Lookup for FindOwn {
    type Found = Arc<[Limit]>;

    fn find(asking: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let owners: Vec<Uuid> = asking.iter().map(|own| own.0).collect();
        let mut rows: Vec<Row> = limits::table
            .filter(limits::principal_id.eq_any(&owners))
            .select(Row::as_select())
            .load(connection)?;
        let of_credentials = limits::table.filter(limits::credential_id.eq_any(&owners));
        rows.extend(of_credentials.select(Row::as_select()).load::<Row>(connection)?);
        let found = rows.into_iter().map(|row| Ok((row.principal_id.or(row.credential_id), row.limit()?)));
        let found: Vec<(Option<Uuid>, Limit)> = found.collect::<Result<_, Fault>>()?;
        let of = |id: Uuid| found.iter().filter(move |(owner, _)| *owner == Some(id));
        Ok(asking.iter().map(|own| of(own.0).map(|(_, limit)| limit.clone()).collect()).collect())
    }
}
