//! The tables `services`, `scopes`, `service_routes` and `service_grants`.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use diesel::prelude::*;
use uuid::Uuid;

use crate::audit::{Lookup, Work};
use crate::kernel::{AccessTokenFormat, Fault, PrincipalId, Scope, ScopeToken, ServiceId, Stale};
use crate::platform::db::Connection;
use crate::schema::{scopes, service_grants, service_routes, services};
use crate::services::routes::PathPattern;
use crate::services::{Catalogue, Route, Service, ServiceScope};

#[derive(Queryable, Selectable)]
#[diesel(table_name = services)]
struct Row {
    id: Uuid,
    name: String,
    audience: String,
    display_name: String,
    access_token_format: Option<String>,
    disabled_at: Option<DateTime<Utc>>,
    is_open: bool,
}

/// Every service with its scopes and routes.
pub fn catalogue(connection: &mut Connection) -> Result<Catalogue, Fault> {
    let rows: Vec<Row> = services::table.order(services::name).select(Row::as_select()).load(connection)?;
    let (mut scopes, mut routes) = (scopes_by_service(connection)?, routes_by_service(connection)?);
    let services = rows.into_iter().map(|row| Service {
        id: ServiceId::from_uuid(row.id),
        name: row.name,
        audience: row.audience,
        display_name: row.display_name,
        access_token_format: row.access_token_format.as_deref().and_then(AccessTokenFormat::parse),
        scopes: scopes.remove(&row.id).unwrap_or_default(),
        disabled_at: row.disabled_at,
        is_open: row.is_open,
        routes: routes.remove(&row.id).unwrap_or_default(),
    });
    Ok(Catalogue::new(services.collect()))
}

fn scopes_by_service(connection: &mut Connection) -> Result<HashMap<Uuid, Vec<ServiceScope>>, Fault> {
    let mut by_service = HashMap::<Uuid, Vec<ServiceScope>>::new();
    let rows: Vec<(String, Uuid, String, bool)> = scopes::table
        .order(scopes::value)
        .select((scopes::value, scopes::service_id, scopes::sentence, scopes::optional))
        .load(connection)?;
    for (value, service, sentence, optional) in rows {
        if let Ok(value) = ScopeToken::parse(&value) {
            by_service.entry(service).or_default().push(ServiceScope { value, sentence, optional });
        }
    }
    Ok(by_service)
}

#[derive(Queryable, Selectable)]
#[diesel(table_name = service_routes)]
struct RouteRow {
    id: Uuid,
    service_id: Uuid,
    position: i32,
    methods: Vec<Option<String>>,
    path_pattern: String,
    required_scopes: Option<Vec<Option<String>>>,
    cost_units: i64,
    created_at: DateTime<Utc>,
}

fn routes_by_service(connection: &mut Connection) -> Result<HashMap<Uuid, Vec<Route>>, Fault> {
    let mut by_service = HashMap::<Uuid, Vec<Route>>::new();
    let rows: Vec<RouteRow> = service_routes::table
        .order((service_routes::service_id, service_routes::position))
        .select(RouteRow::as_select())
        .load(connection)?;
    for row in rows {
        by_service.entry(row.service_id).or_default().push(row.route()?);
    }
    Ok(by_service)
}

impl RouteRow {
    /// A route that cannot be read stops everything: without it, another would say what is asked for.
    fn route(self) -> Result<Route, Fault> {
        Ok(Route {
            id: self.id,
            position: self.position,
            methods: self.methods.into_iter().flatten().collect(),
            pattern: PathPattern::parse(&self.path_pattern).map_err(Fault::internal)?,
            required: self
                .required_scopes
                .map(|scope| Scope::from_stored(scope.into_iter().flatten().collect())),
            cost: u64::try_from(self.cost_units).map_err(Fault::internal)?,
            created_at: self.created_at,
        })
    }
}

/// Adds a route at its place; what stands there and behind it moves on by one.
pub fn insert_route(work: &mut Work<'_>, service: ServiceId, route: &Route) -> Result<(), Fault> {
    work.stale(Stale::Catalogue);
    let later = service_routes::table
        .filter(service_routes::service_id.eq(service.uuid()))
        .filter(service_routes::position.ge(route.position))
        .order(service_routes::position.desc())
        .select(service_routes::id);
    // From the last on, since no two may have one place at any moment.
    for id in later.load::<Uuid>(&mut **work)? {
        diesel::update(service_routes::table.find(id))
            .set(service_routes::position.eq(service_routes::position + 1))
            .execute(&mut **work)?;
    }
    diesel::insert_into(service_routes::table)
        .values((
            service_routes::id.eq(route.id),
            service_routes::service_id.eq(service.uuid()),
            service_routes::position.eq(route.position),
            service_routes::methods.eq(&route.methods),
            service_routes::path_pattern.eq(route.pattern.as_str()),
            service_routes::required_scopes.eq(route.required.as_ref().map(Scope::to_vec)),
            service_routes::cost_units.eq(i64::try_from(route.cost).map_err(Fault::internal)?),
            service_routes::created_at.eq(route.created_at),
        ))
        .execute(&mut **work)?;
    Ok(())
}

/// Removes a route. `false`: there is none of this id.
pub fn delete_route(work: &mut Work<'_>, service: ServiceId, id: Uuid) -> Result<bool, Fault> {
    work.stale(Stale::Catalogue);
    let deleted = diesel::delete(service_routes::table.find(id))
        .filter(service_routes::service_id.eq(service.uuid()))
        .execute(&mut **work)?;
    Ok(deleted == 1)
}

/// Lets nobody call a service any more, or again. `false`: it was so.
pub fn set_disabled(work: &mut Work<'_>, service: ServiceId, disabled: bool) -> Result<bool, Fault> {
    work.stale(Stale::Catalogue);
    let now = work.now();
    let changed = diesel::update(services::table.find(service.uuid()))
        .filter(services::disabled_at.is_null().eq(disabled))
        .set(services::disabled_at.eq(disabled.then_some(now)))
        .execute(&mut **work)?;
    Ok(changed == 1)
}

/// Waits for whoever else changes a service at the moment.
pub fn hold(work: &mut Work<'_>, service: ServiceId) -> Result<(), Fault> {
    services::table.find(service.uuid()).select(services::id).for_update().first::<Uuid>(&mut **work)?;
    Ok(())
}

/// Lets a principal call a service with its keys. `false`: it may already.
pub fn grant(work: &mut Work<'_>, principal: PrincipalId, service: ServiceId) -> Result<bool, Fault> {
    work.stale(Stale::ServiceGrants(principal));
    let now = work.now();
    let made = diesel::insert_into(service_grants::table)
        .values((
            service_grants::principal_id.eq(principal.uuid()),
            service_grants::service_id.eq(service.uuid()),
            service_grants::granted_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    Ok(made == 1)
}

/// Takes that back. `false`: it might not.
pub fn ungrant(work: &mut Work<'_>, principal: PrincipalId, service: ServiceId) -> Result<bool, Fault> {
    work.stale(Stale::ServiceGrants(principal));
    let gone = diesel::delete(service_grants::table.find((principal.uuid(), service.uuid())))
        .execute(&mut **work)?;
    Ok(gone == 1)
}

/// The services that any of these principals was let to call.
pub fn granted(connection: &mut Connection, principals: &[PrincipalId]) -> Result<HashSet<ServiceId>, Fault> {
    let rows: Vec<Uuid> = service_grants::table
        .filter(service_grants::principal_id.eq_any(principals.iter().map(|id| id.uuid())))
        .select(service_grants::service_id)
        .load(connection)?;
    Ok(rows.into_iter().map(ServiceId::from_uuid).collect())
}

/// Who was let to call a service, the latest first.
pub fn granted_to(
    connection: &mut Connection,
    service: ServiceId,
) -> Result<Vec<(PrincipalId, DateTime<Utc>)>, Fault> {
    let rows: Vec<(Uuid, DateTime<Utc>)> = service_grants::table
        .filter(service_grants::service_id.eq(service.uuid()))
        .order((service_grants::granted_at.desc(), service_grants::principal_id))
        .select((service_grants::principal_id, service_grants::granted_at))
        .load(connection)?;
    Ok(rows.into_iter().map(|(id, at)| (PrincipalId::from_uuid(id), at)).collect())
}

/// The services that a principal was let to call, to be found together with others'.
pub struct FindGranted(pub PrincipalId);

impl Lookup for FindGranted {
    type Found = Arc<HashSet<ServiceId>>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let ids: Vec<Uuid> = keys.iter().map(|Self(id)| id.uuid()).collect();
        let rows: Vec<(Uuid, Uuid)> = service_grants::table
            .filter(service_grants::principal_id.eq_any(ids))
            .select((service_grants::principal_id, service_grants::service_id))
            .load(connection)?;
        let mut found = HashMap::<Uuid, HashSet<ServiceId>>::new();
        for (principal, service) in rows {
            found.entry(principal).or_default().insert(ServiceId::from_uuid(service));
        }
        let found: HashMap<Uuid, Arc<HashSet<ServiceId>>> =
            found.into_iter().map(|(id, services)| (id, Arc::new(services))).collect();
        Ok(keys.iter().map(|Self(id)| found.get(&id.uuid()).cloned().unwrap_or_default()).collect())
    }
}

/// All of it, to be found.
pub struct FindAll;

impl Lookup for FindAll {
    type Found = Arc<Catalogue>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let found = Arc::new(catalogue(connection)?);
        Ok(keys.iter().map(|_| Arc::clone(&found)).collect())
    }
}

/// Makes a service. `false`: its name, its audience or one of its scopes is taken.
pub fn insert(work: &mut Work<'_>, service: &Service) -> Result<bool, Fault> {
    work.stale(Stale::Catalogue);
    let now = work.now();
    let made = diesel::insert_into(services::table)
        .values((
            services::id.eq(service.id.uuid()),
            services::name.eq(&service.name),
            services::audience.eq(&service.audience),
            services::display_name.eq(&service.display_name),
            services::access_token_format.eq(service.access_token_format.map(AccessTokenFormat::as_str)),
            services::is_open.eq(service.is_open),
            services::created_at.eq(now),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    if made == 0 {
        return Ok(false);
    }
    let rows: Vec<_> = service
        .scopes
        .iter()
        .map(|scope| {
            (
                scopes::value.eq(scope.value.as_str()),
                scopes::service_id.eq(service.id.uuid()),
                scopes::sentence.eq(&scope.sentence),
                scopes::optional.eq(scope.optional),
            )
        })
        .collect();
    let made =
        diesel::insert_into(scopes::table).values(rows).on_conflict_do_nothing().execute(&mut **work)?;
    Ok(made == service.scopes.len())
}

/// Whether there is any service.
pub fn has_services(connection: &mut Connection) -> Result<bool, Fault> {
    Ok(diesel::select(diesel::dsl::exists(services::table.select(services::id))).get_result(connection)?)
}
