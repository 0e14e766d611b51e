//! API keys, and what they have in common with personal tokens: found by their hash, judged, rotated, revoked.

use std::net::IpAddr;
use std::sync::Arc;

use chrono::Duration;
use diesel::connection::SimpleConnection as _;
use futures_util::future::join_all;
use grantor::audit::Actor;
use grantor::credentials::expiring::tell_expiring;
use grantor::credentials::lifetime::{Lifetime, Overlap};
use grantor::credentials::making::{Imported, Made, Maker, Successor, create, import, rotate};
use grantor::credentials::revoking::{leaked, revoke};
use grantor::credentials::rules::{NotGood, judge_address};
use grantor::credentials::usage::Use;
use grantor::credentials::wish::Wish;
use grantor::credentials::{Credential, CredentialKind, store};
use grantor::kernel::{Bearer, CredentialId, KeyTag, PlainSecret, PrincipalId, Tag};
use grantor::platform::context::Context;
use grantor::platform::db;
use serde_json::{Value, json};

use crate::commands::{Grantor, Said, over_a_database, text};
use crate::support::{ADA, App, Scratch, Told, count, dump, eventually, execute, hexadecimal, told, within};

const HERE: &str = "198.51.100.1";
const KEY: CredentialKind = CredentialKind::ApiKey;

fn wish(name: &str) -> Wish {
    Wish { name: name.into(), scope: "orders:read".into(), ..Wish::default() }
}

fn lasting(days: i64) -> Wish {
    Wish { lifetime: Lifetime::Of(Duration::days(days)), ..wish("ci") }
}

fn operator(app: &App) -> Maker<'_> {
    Maker { actor: Actor::Operator, settings: &app.settings.credentials }
}

impl App {
    /// Makes a key of a client's.
    #[track_caller]
    fn key(&self, owner: PrincipalId, wish: &Wish) -> Made {
        self.operator(|work| create(work, operator(self), KEY, owner, wish).map(Ok)).expect("a key")
    }

    /// A key of a new client's.
    #[track_caller]
    fn any_key(&self, wish: &Wish) -> Made {
        self.key(self.resource_server().principal, wish)
    }

    fn renew(&self, id: CredentialId, overlap: &str) -> Result<Made, String> {
        let overlap = Overlap::typed(overlap).expect("an overlap");
        let rotated = self.operator(|work| {
            rotate(work, operator(self), id, overlap, Successor::Of { latest: None }).map(Ok)
        });
        rotated.map(|(made, _)| made).map_err(|problem| problem.to_string())
    }

    fn take_back(&self, key: &Credential) -> bool {
        self.operator(|work| Ok(Ok(revoke(work, Actor::Operator, key, None, "no longer needed")?)))
    }

    /// What this node says of a bearer.
    async fn judge_from(
        &self,
        presented: &str,
        ip: Option<&str>,
    ) -> Option<Result<Arc<Credential>, NotGood>> {
        let ip: Option<IpAddr> = ip.map(|ip| ip.parse().expect("an address"));
        let context = Context::operator(self.clock.now());
        let judged = self.credentials().judge(presented, &context).await.expect("a database");
        judged.map(|judged| judged.and_then(|key| judge_address(&key, ip).map(|()| key)))
    }

    async fn judge(&self, made: &Made) -> Result<Arc<Credential>, NotGood> {
        self.judge_from(made.secret.expose(), Some(HERE)).await.expect("a credential")
    }

    /// How a credential was used, as the database has it.
    fn use_of(&self, key: &Credential) -> Option<Use> {
        self.ledger.read_here(|connection| store::find_use(connection, key.id)).expect("a database")
    }
}

/// B01, B02, B03
#[tokio::test]
async fn a_key_is_found_by_its_whole_text_and_nothing_like_it_is() {
    let app = App::start().await;
    let made = app.any_key(&wish("ci"));
    let key = made.secret.expose();
    assert_eq!(Bearer::parse(key).expect("of our form").tag(), Tag::ApiKey);
    assert_eq!((made.credential.prefix.as_str(), made.credential.last4.as_str()), (&key[..8], &key[36..]));
    let found = app.judge(&made).await.expect("a good key");
    assert_eq!(*found, made.credential);
    for wrong in [
        &key[..39],
        &format!("{key}0"),
        &format!(" {key}"),
        &key.to_lowercase(),
        &key.replace("gak_", "gap_"),
        "",
    ] {
        assert_eq!(app.judge_from(wrong, None).await, None, "{wrong}");
    }
    // Well formed, and nobody's.
    let other = grantor::platform::entropy::Entropy.api_key(&KeyTag::default());
    assert_eq!(app.judge_from(other.expose(), None).await, None);
    // What opens something else is no key, and a key opens nothing else.
    let client = app.web_client();
    let token = client.own_token(&app, "orders:read").await.text("access_token");
    assert_eq!(app.judge_from(&token, None).await, None);
    assert_eq!(app.judge_from(client.secret.as_deref().expect("a secret"), None).await, None);
}

/// B01: the tag is the operator's, and older keys go on working.
#[tokio::test]
async fn keys_begin_as_the_operator_wants() {
    let app = App::start().await;
    let before = app.any_key(&wish("before"));
    let url = app.settings.database.url.clone();
    let other = App::over(&url, app.clock.clone(), |settings| {
        settings.credentials.key_tag = KeyTag::parse("ax").expect("a tag");
    })
    .await;
    let made = other.any_key(&wish("after"));
    assert!(made.secret.expose().starts_with("ax_"));
    assert!(other.judge(&made).await.is_ok() && other.judge(&before).await.is_ok());
    assert!(
        app.judge(&made).await.is_ok(),
        "where another tag is set it is a stranger's, and found all the same"
    );
}

/// B04
#[tokio::test]
async fn what_is_revoked_is_refused_here_at_once_and_elsewhere_within_a_second() {
    let app = App::start().await;
    let other = app.second_node().await;
    let (made, kept) = (app.any_key(&wish("ci")), app.any_key(&wish("kept")));
    for node in [&app, &other] {
        assert!(node.judge(&made).await.is_ok() && node.judge(&kept).await.is_ok());
    }
    assert!(app.take_back(&made.credential));
    assert_eq!(app.judge(&made).await, Err(NotGood::Revoked));
    within(std::time::Duration::from_secs(1), "revoked elsewhere", || async {
        other.judge(&made).await == Err(NotGood::Revoked)
    })
    .await;
    assert!(app.judge(&kept).await.is_ok() && other.judge(&kept).await.is_ok());

    // Twice is once.
    assert!(!app.take_back(&made.credential));
    let events = told(&app.db, "credential.revoked");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].data["reason"], "no longer needed");
    assert_eq!(events[0].target_id, Some(made.credential.id.to_string()));
}

#[tokio::test]
async fn a_key_is_good_until_it_ends() {
    let app = App::start().await;
    let made = app.any_key(&lasting(2));
    app.clock.advance(Duration::days(2) - Duration::seconds(1));
    assert!(app.judge(&made).await.is_ok());
    app.clock.advance(Duration::seconds(1));
    assert_eq!(app.judge(&made).await, Err(NotGood::Expired));
    assert_eq!(app.renew(made.credential.id, "1h").err().expect("a refusal"), "this API key has expired");
}

/// B08
#[tokio::test]
async fn a_key_comes_only_from_where_it_may() {
    let app = App::start().await;
    let ip_allow = ["192.0.2.77/24", "2001:db8::1"].map(Into::into).into();
    let made = app.any_key(&Wish { ip_allow, ..wish("ci") });
    assert_eq!(json!(made.credential.ip_allow), json!(["192.0.2.0/24", "2001:db8::1/128"]));
    let key = made.secret.expose();
    for good in ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1"] {
        assert!(app.judge_from(key, Some(good)).await.expect("a key").is_ok(), "{good}");
    }
    for bad in [Some("192.0.3.1"), Some("2001:db8::2"), None] {
        assert_eq!(app.judge_from(key, bad).await, Some(Err(NotGood::WrongAddress)), "{bad:?}");
    }
}

/// B11
#[tokio::test]
async fn a_rotated_key_lives_on_for_the_overlap_and_its_successor_may_do_the_same() {
    let app = App::start().await;
    let other = app.second_node().await;
    let ip_allow = vec!["198.51.100.0/24".into()];
    let environment = Some("test".into());
    let old = app.any_key(&Wish { ip_allow, environment, ..lasting(30) });
    assert!(app.judge(&old).await.is_ok() && other.judge(&old).await.is_ok());
    app.clock.advance(Duration::days(10));
    let new = app.renew(old.credential.id, "15m").expect("a successor");
    let same = Credential {
        id: new.credential.id,
        hash: new.secret.hash(),
        prefix: new.credential.prefix.clone(),
        last4: new.credential.last4.clone(),
        created_at: app.clock.now(),
        expires_at: Some(app.clock.now() + Duration::days(30)),
        rotated_from: Some(old.credential.id),
        ..old.credential.clone()
    };
    assert_eq!(new.credential, same);
    assert_ne!(new.secret.expose(), old.secret.expose());
    assert!(app.judge(&old).await.is_ok() && app.judge(&new).await.is_ok());
    app.clock.advance(Duration::minutes(15));
    assert_eq!(app.judge(&old).await, Err(NotGood::RotatedAndOver));
    within(std::time::Duration::from_secs(1), "over elsewhere", || async {
        other.judge(&old).await == Err(NotGood::RotatedAndOver)
    })
    .await;
    assert!(app.judge(&new).await.is_ok() && other.judge(&new).await.is_ok());

    // With no overlap it ends at once, and an overlap makes nothing longer.
    let last = app.renew(new.credential.id, "0").expect("a successor");
    assert_eq!(app.judge(&new).await, Err(NotGood::RotatedAndOver));
    let again = app.renew(new.credential.id, "1h").err();
    assert_eq!(again.expect("a refusal"), "this API key was rotated already; rotate its successor");
    app.clock.advance(Duration::days(30) - Duration::minutes(5));
    app.renew(last.credential.id, "24h").expect("a successor");
    app.clock.advance(Duration::minutes(5));
    assert_eq!(app.judge(&last).await, Err(NotGood::RotatedAndOver));

    app.take_back(&last.credential);
    let refused = app.renew(last.credential.id, "1h").err().expect("a refusal");
    assert_eq!(refused, "this API key is revoked");
    let events = told(&app.db, "credential.rotated");
    assert_eq!(events.len(), 3);
    assert_eq!(events[0].target_id, Some(old.credential.id.to_string()));
    assert_eq!(events[0].data["successor"], json!(new.credential.id));
}

/// Of two rotations at once there is one winner, so that no successor is lost in a race.
#[tokio::test]
async fn of_eight_rotations_at_once_one_wins() {
    let app = App::start().await;
    let other = app.second_node().await;
    let id = app.any_key(&wish("ci")).credential.id;
    let rotations = (0..8).map(|at| {
        let ledger = if at % 2 == 0 { app.ledger.clone() } else { other.ledger.clone() };
        let (settings, context) = (app.settings.credentials.clone(), Context::operator(app.clock.now()));
        async move {
            let rotated = ledger.act(&context, move |work| {
                work.nothing_to_tell("the losers have nothing to tell");
                let maker = Maker { actor: Actor::Operator, settings: &settings };
                let overlap = Overlap::typed("1h").expect("an overlap");
                rotate(work, maker, id, overlap, Successor::Of { latest: None }).map(Ok)
            });
            rotated.await.expect("a database").expect("no denial").is_ok()
        }
    });
    let won = join_all(rotations).await.into_iter().filter(|won| *won).count();
    assert_eq!(won, 1);
    let successors = format!("credentials WHERE rotated_from = '{id}'");
    assert_eq!(count(&app.db, &successors), 1);
    assert_eq!(told(&app.db, "credential.rotated").len(), 1);
}

/// Whoever missed a rotation, or has what is not theirs, is told of once an hour, whichever node they come to.
#[tokio::test]
async fn a_rotated_key_that_comes_again_after_its_end_is_told_at_most_once_an_hour() {
    let app = App::start().await;
    let other = app.second_node().await;
    let made = app.any_key(&wish("ci"));
    app.renew(made.credential.id, "1m").expect("a successor");
    assert!(app.judge(&made).await.is_ok());
    assert_eq!(told(&app.db, "credential.reused").len(), 0, "within the overlap it is as it should be");
    app.clock.advance(Duration::minutes(1));
    for _ in 0..3 {
        for node in [&app, &other] {
            assert_eq!(node.judge(&made).await, Err(NotGood::RotatedAndOver));
        }
    }
    let events = told(&app.db, "credential.reused");
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].target_id, Some(made.credential.id.to_string()));
    assert_eq!((events[0].outcome.as_str(), &events[0].data["name"]), ("denied", &json!("ci")));
    app.clock.advance(Duration::minutes(59));
    assert_eq!(app.judge(&made).await, Err(NotGood::RotatedAndOver));
    assert_eq!(told(&app.db, "credential.reused").len(), 1);
    app.clock.advance(Duration::minutes(1));
    for node in [&other, &app] {
        assert_eq!(node.judge(&made).await, Err(NotGood::RotatedAndOver));
    }
    assert_eq!(told(&app.db, "credential.reused").len(), 2);
}

#[tokio::test]
async fn a_wish_that_cannot_be_is_refused_in_words() {
    let app = App::with(|settings| settings.credentials.most_days = 365).await;
    let client = app.resource_server();
    let refused = |kind, owner, wish: &Wish| {
        let made = app.operator(|work| create(work, operator(&app), kind, owner, wish).map(Ok));
        made.err().map(|problem| problem.to_string()).expect("a refusal")
    };
    let named = |name: &str| Wish { name: name.into(), ..wish("") };
    let scoped = |scope: &str| Wish { scope: scope.into(), ..wish("ci") };
    let from = |network: &str| Wish { ip_allow: vec![network.into()], ..wish("ci") };
    for (wish, words) in [
        (named(""), "name: text is empty"),
        (named(&"x".repeat(101)), "name: text is longer than 100 characters"),
        (named("a\u{202e}b"), "name: text has a line break or an invisible character"),
        (scoped("orders:eat"), "no service has the scope orders:eat; make the service first"),
        (from("everywhere"), "everywhere is no network: write it like 192.0.2.0/24 or 2001:db8::/32"),
        (from("192.0.2.0/33"), "192.0.2.0/33 is no network: write it like 192.0.2.0/24 or 2001:db8::/32"),
        (
            Wish { environment: Some("prod".into()), ..wish("ci") },
            "prod is no environment; there are live and test",
        ),
        (lasting(366), "API keys live 365 days at most"),
    ] {
        assert_eq!(refused(KEY, client.principal, &wish), words);
    }
    let nobody = PrincipalId::from_uuid(uuid::Uuid::from_u128(7));
    assert_eq!(refused(KEY, nobody, &wish("ci")), "there is no such principal");
    let words = "an API key is of an org or a client; a person has personal tokens";
    assert_eq!(refused(KEY, ADA.id(), &wish("ci")), words);
    let token = CredentialKind::PersonalToken;
    let words = "a personal token is of a person; an org or a client has API keys";
    assert_eq!(refused(token, client.principal, &wish("ci")), words);
    let management = "keys:write is a scope of this server's own management";
    let herself = Maker { actor: Actor::User(ADA.id()), settings: &app.settings.credentials };
    let wanted = scoped("keys:write");
    let made = app.operator(|work| create(work, herself, token, ADA.id(), &wanted).map(Ok));
    assert_eq!(made.err().map(|problem| problem.to_string()).as_deref(), Some(management));
    assert_eq!(refused(token, ADA.id(), &scoped("")), "a personal token needs something that it may do");
    app.disable(&client, true);
    assert_eq!(refused(KEY, client.principal, &wish("ci")), "its owner is disabled");
    assert_eq!(count(&app.db, "credentials WHERE kind <> 'client_secret'"), 0);

    // What an operator may give a key: scopes of our own management, too.
    app.disable(&client, false);
    let made = app.key(client.principal, &scoped("keys:write orders:read"));
    assert_eq!(made.credential.scope.to_string(), "keys:write orders:read");
    assert_eq!(made.credential.expires_at, Some(app.clock.now() + Duration::days(365)), "as long as may be");
}

#[tokio::test]
async fn a_key_from_elsewhere_works_as_it_stands_whatever_its_shape() {
    let app = App::start().await;
    let owner = app.resource_server().principal;
    let bring = |secret: Imported| {
        app.operator(|work| {
            import(work, operator(&app), (CredentialKind::ApiKey, owner), &wish("brought along"), &secret)
                .map(Ok)
        })
        .map_err(|problem| problem.to_string())
    };
    let literal = |text: &str| Imported::Literal(PlainSecret::new(text.to_owned()));
    // Looked for before it is there: that it was not is not remembered.
    assert_eq!(app.judge_from("premium-api-key-12345", None).await, None);
    let (weak, warning) = bring(literal("premium-api-key-12345")).expect("a key");
    assert_eq!(
        warning.expect("a warning"),
        "this key is easy to guess, so it ends on 2027-02-19; rotate it before, and use the successor"
    );
    assert_eq!(weak.expires_at, Some(app.clock.now() + Duration::days(90)));
    let (strong, warning) = bring(literal("sk_live_4eC39HqLyjWDarjtT1zdp7dc")).expect("a key");
    assert_eq!((warning, strong.expires_at), (None, None));
    let (by_hash, warning) =
        bring(Imported::Hash(PlainSecret::new("9f86d081884c7d65".into()).hash())).expect("a key");
    assert!(warning.expect("a warning").starts_with("nobody can tell how easy to guess"));
    assert_eq!((by_hash.prefix.as_str(), by_hash.last4.as_str()), ("", ""));
    assert_eq!(by_hash.expires_at, weak.expires_at, "unless an operator says otherwise");
    for (text, key) in [
        ("premium-api-key-12345", &weak),
        ("sk_live_4eC39HqLyjWDarjtT1zdp7dc", &strong),
        ("9f86d081884c7d65", &by_hash),
    ] {
        let found = app.judge_from(text, None).await.expect("a key").expect("a good one");
        assert_eq!((found.id, found.imported), (key.id, true), "{text}");
    }

    for (text, words) in [
        ("premium-api-key-12345", "there is this very key already"),
        (
            "1234567",
            "a key has 8 to 512 visible ASCII characters, and does not begin like one of this server's unless it is one",
        ),
        (
            "two words",
            "a key has 8 to 512 visible ASCII characters, and does not begin like one of this server's unless it is one",
        ),
        (
            "gak_not_of_our_form",
            "a key has 8 to 512 visible ASCII characters, and does not begin like one of this server's unless it is one",
        ),
    ] {
        assert_eq!(bring(literal(text)).expect_err("a refusal"), words, "{text}");
    }
    let events = told(&app.db, "credential.imported");
    let is_weak = |event: &&Told| event.data["is_weak"] == true;
    assert_eq!((events.len(), events.iter().filter(is_weak).count()), (3, 2));
    // Its successor is of our own form.
    let successor = app.renew(weak.id, "1h").expect("a successor");
    assert!(successor.secret.expose().starts_with("gak_") && !successor.credential.imported);
}

/// Whoever has it may end it, once, and learns nothing of it.
#[tokio::test]
async fn a_leaked_bearer_is_revoked_and_told() {
    let app = App::start().await;
    let made = app.any_key(&wish("ci"));
    let report = |text: &str| {
        let text = text.to_owned();
        app.operator(|work| Ok(Ok(leaked(work, &app.settings.credentials, &text, Actor::Anonymous)?)))
    };
    assert!(app.judge(&made).await.is_ok());
    for nothing in ["", "nonsense that is nobody's", "gak_mistyped", &made.secret.expose()[..39]] {
        assert_eq!(report(nothing), None, "{nothing}");
    }
    assert!(app.judge(&made).await.is_ok());
    assert_eq!(report(made.secret.expose()).map(|found| found.id), Some(made.credential.id));
    assert_eq!(app.judge(&made).await, Err(NotGood::Revoked));
    assert_eq!(report(made.secret.expose()), None, "once");
    let events = told(&app.db, "credential.leaked");
    assert_eq!(events.len(), 1);
    assert_eq!((events[0].actor_kind.as_str(), &events[0].data["reason"]), ("anonymous", &json!("leaked")));
}

/// B10: whoever uses a key does not wait for its row, whoever holds it.
#[tokio::test]
async fn eight_callers_of_one_key_wait_for_no_row() {
    let app = App::start().await;
    let made = app.any_key(&wish("ci"));
    app.judge(&made).await.expect("a good key");
    app.credentials().used(&made.credential, None, app.clock.now());
    eventually("written", || async { app.use_of(&made.credential).is_some() }).await;

    let mut holder = db::connect(&app.settings.database.url).expect("a connection");
    let id = made.credential.id;
    holder
        .batch_execute(&format!(
            "BEGIN; SELECT 1 FROM credential_stats WHERE credential_id = '{id}' FOR UPDATE; \
             SELECT 1 FROM credentials WHERE id = '{id}' FOR UPDATE"
        ))
        .expect("the rows");
    app.clock.advance(Duration::seconds(30));
    let now = app.clock.now();
    let calls = (0..8).map(|caller| {
        let (app, made) = (&app, &made);
        async move {
            let ip: IpAddr = format!("192.0.2.{caller}").parse().expect("an address");
            for _ in 0..50 {
                app.judge(made).await.expect("a good key");
                app.credentials().used(&made.credential, Some(ip), now);
            }
        }
    });
    // Nobody lets go of the rows before all have been answered.
    join_all(calls).await;
    holder.batch_execute("ROLLBACK").expect("an end");
    eventually("counted", || async { app.use_of(&made.credential).is_some_and(|used| used.count == 401) })
        .await;
    let used = app.use_of(&made.credential).expect("a use");
    assert_eq!(used.last_used_at, now);
    assert!(used.last_used_ip.expect("an address").to_string().starts_with("192.0.2."));
}

/// What is noted is written when a node ends, and adds up.
#[tokio::test]
async fn uses_at_two_nodes_add_up_and_none_is_lost_at_a_stop() {
    let app = App::start().await;
    let (one, two) = (app.second_node().await, app.second_node().await);
    let made = app.any_key(&wish("ci"));
    let now = app.clock.now();
    let (early, late) =
        (Some("192.0.2.1".parse().expect("an address")), Some("::ffff:192.0.2.2".parse().expect("one")));
    for _ in 0..3 {
        one.credentials().used(&made.credential, late, now + Duration::seconds(5));
        two.credentials().used(&made.credential, early, now);
    }
    one.stop().await;
    two.stop().await;
    let last_used_ip = Some("192.0.2.2".parse().expect("an address"));
    let expected = Use { last_used_at: now + Duration::seconds(5), last_used_ip, count: 6 };
    assert_eq!(app.use_of(&made.credential), Some(expected));
}

/// Nobody learns of an end by its coming.
#[tokio::test]
async fn that_a_key_ends_soon_is_told_once_at_14_3_and_1_days() {
    let app = App::start().await;
    let key = app.any_key(&lasting(30)).credential;
    let short = app.any_key(&Wish { name: "short".into(), ..lasting(2) }).credential;
    let rotated = app.any_key(&lasting(30)).credential;
    app.renew(rotated.id, "24h").expect("a successor");
    let revoked = app.any_key(&lasting(30)).credential;
    app.take_back(&revoked);
    app.any_key(&wish("endless"));
    let successor = count(&app.db, &format!("credentials WHERE rotated_from = '{}'", rotated.id));
    assert_eq!(successor, 1);
    execute(
        &app.db,
        &format!("UPDATE credentials SET revoked_at = now() WHERE rotated_from = '{}'", rotated.id),
    )
    .expect("gone");

    // Several nodes look at once, and then again.
    let look = async || {
        let (ledger, now) = (&app.ledger, app.clock.now());
        join_all((0..4).map(|_| tell_expiring(ledger, now))).await.into_iter().for_each(|told| {
            told.expect("a database");
        });
        let events = told(&app.db, "credential.expiring").into_iter();
        let days = events.map(|event| (event.target_id.expect("a target"), event.data["days"].clone()));
        days.collect::<Vec<_>>()
    };
    let mut expected: Vec<(String, Value)> = Vec::new();
    let of = |key: &Credential, days: i32| (key.id.to_string(), json!(days));
    assert_eq!(look().await, expected);
    app.clock.advance(Duration::days(1) + Duration::hours(1));
    expected.push(of(&short, 1));
    assert_eq!(look().await, expected, "one that was made for two days is told of a day before");
    for (after, days) in [(Duration::days(15), 14), (Duration::days(11), 3), (Duration::days(2), 1)] {
        app.clock.advance(after);
        expected.push(of(&key, days));
        assert_eq!(look().await, expected, "{days}");
        assert_eq!(look().await, expected, "{days}, once");
    }
    app.clock.advance(Duration::days(2));
    assert_eq!(look().await, expected, "what is over is over");
    let event = told(&app.db, "credential.expiring").pop().expect("an event");
    assert_eq!((&event.data["name"], &event.data["owner"]), (&json!("ci"), &json!(key.owner)));
}

/// B12: neither key, nor token, nor what was brought along is in the database or in the log.
#[tokio::test]
async fn no_key_is_in_the_database() {
    let app = App::start().await;
    let made = app.any_key(&wish("ci"));
    let successor = app.renew(made.credential.id, "1h").expect("a successor");
    app.judge(&made).await.expect("a good key");
    app.take_back(&successor.credential);
    let rows = dump(&app.db);
    for secret in [made.secret.expose(), successor.secret.expose()] {
        assert!(rows.contains(&secret[..8]), "the dump shows what a list shows");
        for piece in [&secret[4..34], secret] {
            assert!(!rows.contains(piece) && !rows.contains(&hexadecimal(piece)), "{piece}");
        }
    }
}

fn client_of(grantor: &Grantor) -> String {
    let made = grantor.json(&["client", "add", "The orders API", "--grant", "client_credentials"]);
    text(&made["client_id"])
}

#[test]
fn the_commands_make_show_rotate_and_revoke() {
    let (_database, grantor) = over_a_database();
    let client = client_of(&grantor);
    let create = ["api-key", "create", "--client", &client, "--name", "ci", "--scope", "orders:read"];
    let more = ["--scope", "keys:read", "--expires", "90d", "--ip", "192.0.2.0/24", "--env", "test"];
    let made = grantor.json(&[&create[..], &more].concat());
    let (id, key) = (text(&made["id"]), text(&made["api_key"]));
    assert!(Bearer::parse(&key).is_ok_and(|bearer| bearer.tag() == Tag::ApiKey));
    let said = grantor.run(&create);
    said.is_done();
    let shown = said.out.lines().find_map(|line| line.strip_prefix("api_key  ")).expect("a key").to_owned();
    assert!(
        Bearer::parse(&shown).is_ok() && said.out.ends_with("Keep the key: it is not shown again.\n"),
        "{said:?}"
    );

    let listed = grantor.json(&["api-key", "list", "--client", &client]);
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    let said = grantor.run(&["api-key", "list"]);
    assert!(said.out.starts_with("NAME  BEGINS") && said.out.contains("active"), "{said:?}");
    let prefix = &key[..8];
    for name in [id.as_str(), prefix] {
        let known = grantor.json(&["api-key", "show", name]);
        let facts = json!({
            "id": id, "kind": "api_key", "name": "ci", "state": "active", "prefix": prefix,
            "scope": "keys:read orders:read", "environment": "test", "ip_allow": ["192.0.2.0/24"],
            "request_count": 0, "last_used_at": null,
        });
        for (member, value) in facts.as_object().expect("facts") {
            assert_eq!(known[member], *value, "{member}");
        }
        assert_eq!(known.get("api_key"), None, "it is shown once");
    }

    let rotated = grantor.json(&["api-key", "rotate", prefix, "--overlap", "15m"]);
    assert_eq!(rotated["rotated_from"], id);
    assert_ne!(text(&rotated["api_key"]), key);
    assert_eq!(grantor.json(&["api-key", "show", &id])["state"], "rotating");
    grantor
        .run(&["api-key", "rotate", &id])
        .is_refused("this API key was rotated already; rotate its successor");
    grantor
        .run(&["api-key", "rotate", &id, "--overlap", "2h"])
        .is_refused("2h is no overlap; there are 0, 1m, 15m, 1h, 6h, 24h");

    let revoked = grantor.json(&["api-key", "revoke", &id, "--reason", "it was on a slide"]);
    assert_eq!(revoked, json!({ "id": id, "revoked": true, "changed": true }));
    let again = grantor.run(&["api-key", "revoke", &id]);
    again.is_done();
    assert_eq!(again.out, "The key ci was revoked already.\n");
    let known = grantor.json(&["api-key", "show", &id]);
    assert_eq!((&known["state"], &known["revoke_reason"]), (&json!("revoked"), &json!("it was on a slide")));
    let kinds = |said: Said| {
        ["created", "rotated", "revoked"].map(|verb| said.out.contains(&format!("credential.{verb}")))
    };
    assert_eq!(kinds(grantor.run(&["audit", "list"])), [true; 3]);
}

#[test]
fn the_commands_say_what_is_wrong() {
    let (_database, grantor) = over_a_database();
    let client = client_of(&grantor);
    let create = |more: &[&str]| grantor.run(&[&["api-key", "create", "--name", "ci"][..], more].concat());
    create(&["--client", "nobody"]).is_refused("there is no client nobody");
    create(&["--owner", "nobody"]).is_refused("nobody is no principal's id");
    let words = "an API key is of an org or a client; a person has personal tokens";
    create(&["--owner", &ADA.id().to_string()]).is_refused(words);
    create(&["--client", &client, "--expires", "soon"])
        .is_refused("soon is no lifetime: write it like 90d, 12h, 30m or never, at most 36500d");
    // Whose it is must be said.
    let said = create(&[]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    grantor.run(&["api-key", "show", "gak_none"]).is_refused("there is no API key gak_none");
    grantor.run(&["pat", "revoke", "gap_none"]).is_refused("there is no personal token gap_none");
    grantor.run(&["pat", "list", "--user", "nobody"]).is_refused("there is no user nobody");
    let bad = Grantor::with(&[("GRANTOR_CREDENTIALS__KEY_TAG", "gat")]).run(&["api-key", "list"]);
    assert!(bad.err.contains("an API key begins with 2 to 6 letters"), "{bad:?}");
}

/// The key itself is never an argument, where every process could read it.
#[test]
fn keys_from_elsewhere_come_by_hash_from_a_file_or_from_standard_input() {
    let (_database, grantor) = over_a_database();
    let client = client_of(&grantor);
    let import = |more: &[&str], input: &str| {
        let arguments = [&["api-key", "import", "--client", &client, "--name", "legacy"][..], more];
        grantor.run_with(&arguments.concat(), input)
    };
    let said = import(&[], "premium-api-key-12345\n");
    said.is_done();
    assert!(said.out.contains("Note: this key is easy to guess, so it ends on "), "{said:?}");
    assert!(!said.out.contains("premium"), "whoever brings it has it");
    import(&[], "premium-api-key-12345\n").is_refused("there is this very key already");
    import(&[], "").is_refused("standard input holds no key");

    let scratch = Scratch::new();
    let file = scratch.join("key");
    std::fs::write(&file, "sk_live_4eC39HqLyjWDarjtT1zdp7dc\n").expect("a file");
    let said = import(&["--file", &file], "");
    said.is_done();
    assert!(!said.out.contains("Note"), "{said:?}");
    let hash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
    import(&["--hash", hash], "").is_done();
    import(&["--hash", &hash.to_uppercase()], "").is_refused("there is this very key already");
    for bad in ["", &hash[1..], &format!("{}g", &hash[1..])] {
        import(&["--hash", bad], "")
            .is_refused("a hash is 64 hexadecimal digits: the SHA-256 of the whole key");
    }
    let listed = grantor.json(&["api-key", "list"]);
    assert_eq!(listed.as_array().map(Vec::len), Some(3));
}
