//! What there is after a run: in the database, and through the door.

use std::collections::HashMap;

use diesel::prelude::*;
use futures_util::StreamExt as _;
use grantor::kernel::Bearer;
use grantor::platform::db::Connection;
use grantor::schema::{access_tokens, authorization_codes, events, families, refresh_tokens};
use uuid::Uuid;

use super::{Entry, Heard};
use crate::support::{App, TestClient};

/// An access token.
#[derive(Clone, Debug)]
pub struct Access {
    pub id: Uuid,
    pub family: Option<Uuid>,
    pub is_revoked: bool,
    /// What a resource server is told of it.
    pub is_good: bool,
}

/// What may be used once: a code or a refresh token.
#[derive(Clone, Debug)]
pub struct Single {
    pub family: Uuid,
    pub is_used: bool,
    /// Refresh tokens that replace it.
    pub successors: usize,
}

#[derive(Clone, Debug, Default)]
pub struct World {
    pub access: HashMap<String, Access>,
    pub codes: HashMap<String, Single>,
    pub refresh: HashMap<String, Single>,
    /// By what each family was ended, if it was.
    pub families: HashMap<Uuid, Option<String>>,
    /// How many access tokens each family ever had.
    pub issued_to: HashMap<Uuid, usize>,
    /// How many access tokens are of no family.
    pub issued: usize,
    /// How often each kind of event tells of each thing.
    pub events: HashMap<(String, String), usize>,
}

type Stored<T> = HashMap<Vec<u8>, T>;

/// How many are introspected at once.
const AT_ONCE: usize = 16;

impl World {
    /// All that these entries speak of, and `api` may be told.
    pub async fn read(app: &App, client: &TestClient, api: &TestClient, entries: &[Entry]) -> Self {
        let owner = client.principal.uuid();
        let stored = app.db.run_here(|connection| {
            let access = stored_access(connection, owner)?;
            let refresh = stored_refresh(connection)?;
            Ok((Self::counted(connection, &access)?, access, stored_codes(connection)?, refresh))
        });
        let (mut world, access, codes, refresh) = stored.expect("rows");
        for (text, _) in codes_of(entries) {
            world.codes.extend(named(&codes, text));
        }
        let pairs = entries.iter().filter_map(|entry| match &entry.heard {
            Heard::Tokens(access, refresh) => Some((access, refresh)),
            _ => None,
        });
        for (text, refreshed_by) in pairs {
            world.access.extend(named(&access, text));
            world.refresh.extend(refreshed_by.iter().flat_map(|text| named(&refresh, text)));
        }
        world.ask_the_door(app, api).await;
        world
    }

    fn counted(connection: &mut Connection, access: &Stored<Access>) -> Result<Self, grantor::kernel::Fault> {
        let mut world = Self {
            families: families::table
                .select((families::id, families::revoked_by))
                .load::<(Uuid, Option<String>)>(connection)?
                .into_iter()
                .collect(),
            issued: access.values().filter(|token| token.family.is_none()).count(),
            ..Self::default()
        };
        for family in access.values().filter_map(|token| token.family) {
            *world.issued_to.entry(family).or_default() += 1;
        }
        let told: Vec<(String, Option<String>)> =
            events::table.select((events::kind, events::target_id)).load(connection)?;
        for (kind, target) in told {
            *world.events.entry((kind, target.unwrap_or_default())).or_default() += 1;
        }
        Ok(world)
    }

    async fn ask_the_door(&mut self, app: &App, api: &TestClient) {
        let tokens: Vec<String> = self.access.keys().cloned().collect();
        let asked = tokens.into_iter().map(|token| async move {
            let is_good = app.is_active(api, &token).await;
            (token, is_good)
        });
        let answers: Vec<_> = futures_util::stream::iter(asked).buffer_unordered(AT_ONCE).collect().await;
        for (token, is_good) in answers {
            self.access.get_mut(&token).expect("a token that was asked about").is_good = is_good;
        }
    }
}

fn codes_of(entries: &[Entry]) -> impl Iterator<Item = (&String, &Entry)> {
    entries.iter().filter_map(|entry| match &entry.asked {
        super::Asked::Redeem(code) => Some((code, entry)),
        _ => None,
    })
}

/// What is stored of a bearer, under its text.
fn named<T: Clone>(stored: &Stored<T>, text: &str) -> Option<(String, T)> {
    let hash = Bearer::parse(text).expect("a bearer of ours").hash();
    stored.get(hash.as_bytes().as_slice()).map(|found| (text.to_owned(), found.clone()))
}

fn stored_access(connection: &mut Connection, owner: Uuid) -> QueryResult<Stored<Access>> {
    use access_tokens as own;
    let rows: Vec<(Vec<u8>, Uuid, Option<Uuid>, bool)> = own::table
        .filter(own::client_id.eq(owner))
        .select((own::hash, own::id, own::family_id, own::revoked_at.is_not_null()))
        .load(connection)?;
    let access = |id, family, is_revoked| Access { id, family, is_revoked, is_good: false };
    Ok(rows.into_iter().map(|(hash, id, family, revoked)| (hash, access(id, family, revoked))).collect())
}

fn stored_codes(connection: &mut Connection) -> QueryResult<Stored<Single>> {
    use authorization_codes as own;
    let rows: Vec<(Vec<u8>, Uuid, bool)> =
        own::table.select((own::hash, own::family_id, own::consumed_at.is_not_null())).load(connection)?;
    let code = |family, is_used| Single { family, is_used, successors: 0 };
    Ok(rows.into_iter().map(|(hash, family, is_used)| (hash, code(family, is_used))).collect())
}

fn stored_refresh(connection: &mut Connection) -> QueryResult<Stored<Single>> {
    use refresh_tokens as own;
    let rows: Vec<(Vec<u8>, Uuid, bool, Option<Vec<u8>>)> = own::table
        .select((own::hash, own::family_id, own::consumed_at.is_not_null(), own::predecessor))
        .load(connection)?;
    let mut successors: HashMap<&[u8], usize> = HashMap::new();
    for predecessor in rows.iter().filter_map(|(.., predecessor)| predecessor.as_deref()) {
        *successors.entry(predecessor).or_default() += 1;
    }
    let token = |(hash, family, is_used, _): &(Vec<u8>, Uuid, bool, Option<Vec<u8>>)| {
        let successors = successors.get(hash.as_slice()).copied().unwrap_or_default();
        (hash.clone(), Single { family: *family, is_used: *is_used, successors })
    };
    Ok(rows.iter().map(token).collect())
}
