//! The tables `services` and `scopes`.

use std::collections::HashMap;
use std::sync::Arc;

use diesel::prelude::*;
use uuid::Uuid;

use crate::audit::{Lookup, Work};
use crate::kernel::{AccessTokenFormat, Fault, ScopeToken, ServiceId, Stale};
use crate::platform::db::Connection;
use crate::schema::{scopes, services};
use crate::services::{Catalogue, Service, ServiceScope};

/// Every service with its scopes.
pub fn catalogue(connection: &mut Connection) -> Result<Catalogue, Fault> {
    let rows: Vec<(Uuid, String, String, String, Option<String>)> = services::table
        .order(services::name)
        .select((
            services::id,
            services::name,
            services::audience,
            services::display_name,
            services::access_token_format,
        ))
        .load(connection)?;
    let mut by_service = HashMap::<Uuid, Vec<ServiceScope>>::new();
    let scopes: Vec<(String, Uuid, String, bool)> = scopes::table
        .order(scopes::value)
        .select((scopes::value, scopes::service_id, scopes::sentence, scopes::optional))
        .load(connection)?;
    for (value, service, sentence, optional) in scopes {
        if let Ok(value) = ScopeToken::parse(&value) {
            by_service.entry(service).or_default().push(ServiceScope { value, sentence, optional });
        }
    }
    let services = rows.into_iter().map(|(id, name, audience, display_name, format)| Service {
        id: ServiceId::from_uuid(id),
        name,
        audience,
        display_name,
        access_token_format: format.as_deref().and_then(AccessTokenFormat::parse),
        scopes: by_service.remove(&id).unwrap_or_default(),
    });
    Ok(Catalogue::new(services.collect()))
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
