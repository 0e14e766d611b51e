//! The tables `clients` and `client_redirect_uris`.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::TimeDelta;
use diesel::prelude::*;
use uuid::Uuid;

use crate::accounts::store::{Principal, find_principals};
use crate::audit::{Lookup, Work};
use crate::clients::{AuthMethod, Client, GrantType, Known};
use crate::credentials::client_secrets::ClientSecret;
use crate::credentials::client_secrets::store::secrets_of_clients;
use crate::kernel::{AccessTokenFormat, ClientId, Fault, PrincipalId, RedirectUri, Scope};
use crate::platform::db::{Connection, reach_ahead};
use crate::schema::{client_redirect_uris, clients};

#[derive(Queryable, Selectable)]
#[diesel(table_name = clients)]
#[allow(clippy::struct_excessive_bools, reason = "each is a column")]
struct Row {
    principal_id: Uuid,
    client_id: String,
    confidential: bool,
    first_party: bool,
    publisher: Option<String>,
    verified: bool,
    token_endpoint_auth_method: Option<String>,
    grant_types: Vec<Option<String>>,
    scopes: Vec<Option<String>>,
    origins: Vec<Option<String>>,
    access_token_lifetime: Option<i32>,
    refresh_token_lifetime: Option<i32>,
    introspection_audiences: Vec<Option<String>>,
    access_token_format: Option<String>,
    introspection_consumes: bool,
}

fn texts(column: Vec<Option<String>>) -> Vec<String> {
    column.into_iter().flatten().collect()
}

fn seconds(column: Option<i32>) -> Option<u32> {
    column.and_then(|seconds| u32::try_from(seconds).ok())
}

fn assembled(row: Row, principal: Principal, redirect_uris: Vec<String>) -> Result<Client, Fault> {
    Ok(Client {
        principal: PrincipalId::from_uuid(row.principal_id),
        account: principal.account,
        id: ClientId::parse(&row.client_id).map_err(Fault::internal)?,
        name: principal.name,
        publisher: row.publisher,
        verified: row.verified,
        confidential: row.confidential,
        first_party: row.first_party,
        auth_method: row.token_endpoint_auth_method.as_deref().and_then(AuthMethod::parse),
        grant_types: texts(row.grant_types).iter().filter_map(|name| GrantType::parse(name)).collect(),
        scope: Scope::from_stored(texts(row.scopes)),
        redirect_uris: redirect_uris.into_iter().map(RedirectUri::from_stored).collect(),
        origins: texts(row.origins),
        access_token_format: row.access_token_format.as_deref().and_then(AccessTokenFormat::parse),
        access_token_lifetime: seconds(row.access_token_lifetime),
        refresh_token_lifetime: seconds(row.refresh_token_lifetime),
        introspection_audiences: texts(row.introspection_audiences),
        introspection_consumes: row.introspection_consumes,
        created_at: principal.created_at,
        disabled_at: principal.disabled_at,
    })
}

fn complete(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<Client>, Fault> {
    let ids: Vec<PrincipalId> = rows.iter().map(|row| PrincipalId::from_uuid(row.principal_id)).collect();
    let mut principals: HashMap<_, _> = find_principals(connection, &ids)?.into_iter().collect();
    let uris: Vec<(Uuid, String)> = client_redirect_uris::table
        .filter(client_redirect_uris::principal_id.eq_any(rows.iter().map(|row| row.principal_id)))
        .order(client_redirect_uris::redirect_uri)
        .select((client_redirect_uris::principal_id, client_redirect_uris::redirect_uri))
        .load(connection)?;
    let mut uris_of = HashMap::<Uuid, Vec<String>>::new();
    for (id, uri) in uris {
        uris_of.entry(id).or_default().push(uri);
    }
    let client = |(row, id): (Row, PrincipalId)| {
        let principal =
            principals.remove(&id).ok_or_else(|| Fault::internal("a client without principal"))?;
        let uris = uris_of.remove(&row.principal_id).unwrap_or_default();
        assembled(row, principal, uris)
    };
    rows.into_iter().zip(ids).map(client).collect()
}

/// A client with its secrets, to be found by either of the ids it has.
pub enum Find {
    /// The one it goes by on the wire.
    Id(ClientId),
    /// The principal it is.
    Principal(PrincipalId),
}

impl Find {
    fn is(&self, client: &Client) -> bool {
        match self {
            Self::Id(id) => *id == client.id,
            Self::Principal(id) => *id == client.principal,
        }
    }
}

impl Lookup for Find {
    type Found = Option<Arc<Known>>;

    fn find(keys: &[&Self], connection: &mut Connection) -> Result<Vec<Self::Found>, Fault> {
        let (mut ids, mut principals) = (Vec::new(), Vec::new());
        for key in keys {
            match key {
                Self::Id(id) => ids.push(id.as_str()),
                Self::Principal(id) => principals.push(id.uuid()),
            }
        }
        let rows = clients::table
            .filter(clients::client_id.eq_any(ids).or(clients::principal_id.eq_any(principals)))
            .select(Row::as_select())
            .load(connection)?;
        let found = with_secrets(connection, rows)?;
        Ok(keys.iter().map(|key| found.iter().find(|known| key.is(&known.client)).cloned()).collect())
    }
}

fn with_secrets(connection: &mut Connection, rows: Vec<Row>) -> Result<Vec<Arc<Known>>, Fault> {
    let clients = complete(connection, rows)?;
    let ids: Vec<PrincipalId> = clients.iter().map(|client| client.principal).collect();
    let mut secrets_of = HashMap::<PrincipalId, Vec<ClientSecret>>::new();
    for (owner, secret) in secrets_of_clients(connection, &ids)? {
        secrets_of.entry(owner).or_default().push(secret);
    }
    let known = |client: Client| {
        let secrets = secrets_of.remove(&client.principal).unwrap_or_default();
        Arc::new(Known { client: Arc::new(client), secrets })
    };
    Ok(clients.into_iter().map(known).collect())
}

/// Finds a client by the id it goes by on the wire.
pub fn find(connection: &mut Connection, id: &ClientId) -> Result<Option<Client>, Fault> {
    let rows = clients::table
        .filter(clients::client_id.eq(id.as_str()))
        .select(Row::as_select())
        .load(connection)?;
    Ok(complete(connection, rows)?.pop())
}

/// The same with its secrets.
pub fn find_known(connection: &mut Connection, id: &ClientId) -> Result<Option<Arc<Known>>, Fault> {
    Ok(Find::find(&[&Find::Id(id.clone())], connection)?.pop().flatten())
}

/// The clients among these principals, or all of them, with their secrets: so many behind one of them.
pub fn page(
    connection: &mut Connection,
    principals: Option<&[PrincipalId]>,
    after: Option<PrincipalId>,
    most: i64,
) -> Result<Vec<Arc<Known>>, Fault> {
    let mut query =
        clients::table.order(clients::principal_id).limit(most).select(Row::as_select()).into_boxed();
    if let Some(principals) = principals {
        query = query.filter(clients::principal_id.eq_any(principals.iter().map(|id| id.uuid())));
    }
    if let Some(after) = after {
        query = query.filter(clients::principal_id.gt(after.uuid()));
    }
    let rows = query.load(connection)?;
    with_secrets(connection, rows)
}

/// Finds a client by the principal it is.
pub fn find_by_principal(connection: &mut Connection, id: PrincipalId) -> Result<Option<Client>, Fault> {
    let rows = clients::table.find(id.uuid()).select(Row::as_select()).load(connection)?;
    Ok(complete(connection, rows)?.pop())
}

/// Every client, by name.
pub fn list(connection: &mut Connection) -> Result<Vec<Client>, Fault> {
    let rows: Vec<Row> = clients::table.select(Row::as_select()).load(connection)?;
    let mut clients = complete(connection, rows)?;
    clients.sort_by(|a, b| a.name.cmp(&b.name).then_with(|| a.id.cmp(&b.id)));
    Ok(clients)
}

/// Whether there is any client.
pub fn has_clients(connection: &mut Connection) -> Result<bool, Fault> {
    Ok(diesel::select(diesel::dsl::exists(clients::table.select(clients::principal_id)))
        .get_result(connection)?)
}

/// Whether any client registered this web origin.
pub fn is_registered_origin(connection: &mut Connection, origin: &str) -> Result<bool, Fault> {
    let found = diesel::select(diesel::dsl::exists(
        clients::table.filter(clients::origins.contains(vec![Some(origin.to_owned())])),
    ))
    .get_result(connection)?;
    Ok(found)
}

/// Makes a client out of a principal. `false`: its id is taken.
pub fn insert(work: &mut Work<'_>, client: &Client) -> Result<bool, Fault> {
    let grant_types: Vec<&str> = client.grant_types.iter().map(|grant| grant.as_str()).collect();
    let lifetime = |seconds: Option<u32>| seconds.and_then(|seconds| i32::try_from(seconds).ok());
    let made = diesel::insert_into(clients::table)
        .values((
            clients::principal_id.eq(client.principal.uuid()),
            clients::client_id.eq(client.id.as_str()),
            clients::confidential.eq(client.confidential),
            clients::first_party.eq(client.first_party),
            clients::publisher.eq(&client.publisher),
            clients::verified.eq(client.verified),
            clients::token_endpoint_auth_method.eq(client.auth_method.map(AuthMethod::as_str)),
            clients::grant_types.eq(grant_types),
            clients::scopes.eq(client.scope.to_vec()),
            clients::origins.eq(&client.origins),
            clients::access_token_format.eq(client.access_token_format.map(AccessTokenFormat::as_str)),
            clients::access_token_lifetime.eq(lifetime(client.access_token_lifetime)),
            clients::refresh_token_lifetime.eq(lifetime(client.refresh_token_lifetime)),
            clients::introspection_audiences.eq(&client.introspection_audiences),
            clients::introspection_consumes.eq(client.introspection_consumes),
        ))
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    if made == 0 {
        return Ok(false);
    }
    if let Some(seconds) = client.refresh_token_lifetime {
        let today = work.now().date_naive();
        reach_ahead(work, TimeDelta::seconds(seconds.into()), today)?;
    }
    let uris: Vec<_> = client
        .redirect_uris
        .iter()
        .map(|uri| {
            (
                client_redirect_uris::principal_id.eq(client.principal.uuid()),
                client_redirect_uris::redirect_uri.eq(uri.as_str()),
            )
        })
        .collect();
    diesel::insert_into(client_redirect_uris::table)
        .values(uris)
        .on_conflict_do_nothing()
        .execute(&mut **work)?;
    Ok(true)
}
