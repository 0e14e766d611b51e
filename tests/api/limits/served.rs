//! A Redis that dies under the callers of a running server: each limit does as it says, and whoever is not known stays so.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use grantor::audit::Actor;
use grantor::credentials::making::{Made, Maker, create};
use grantor::credentials::revoking::revoke;
use grantor::credentials::wish::Wish;
use grantor::credentials::{Credential, CredentialKind};
use grantor::decision::limits::flow::set;
use grantor::decision::limits::named::Named;
use grantor::kernel::{KeyTag, PrincipalId};
use grantor::limits::limit::{Terms, Wording};
use grantor::platform::entropy::Entropy;
use grantor::services::access::let_call;

use crate::support::{Answer, App, Redis, TestClient, eventually};

/// How much each limit lets through, and how much of it is this node's, of two.
const QUOTA: usize = 10;
const SHARE: usize = QUOTA / 2;

/// How many calls a phase has at least, and a caller makes at most.
const MANY: usize = 40;
const MOST: usize = 20_000;

/// What the test has done so far.
const COUNTED: usize = 0;
const AWAY: usize = 1;
const REVOKED: usize = 2;
const BACK: usize = 3;
const COUNTED_AGAIN: usize = 4;
const OVER: usize = 5;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bearer {
    /// A key whose limit is of the mode at hand.
    Good,
    /// Another such one, of somebody who calls only when Redis is away.
    Late,
    /// A key like any other that was never made.
    Unknown,
    /// One that was revoked before.
    Revoked,
    /// One that is revoked while Redis is away, of somebody whose limit is open.
    Ending,
}

const CALLERS: [Bearer; 6] =
    [Bearer::Good, Bearer::Unknown, Bearer::Late, Bearer::Good, Bearer::Revoked, Bearer::Ending];

/// What became of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fared {
    Allowed,
    Limited,
    NobodyKnows,
    NotKnown,
}

/// A call, with the phases in which it began and ended.
#[derive(Clone, Copy, Debug)]
struct Call {
    bearer: Bearer,
    began: usize,
    ended: usize,
    fared: Fared,
}

impl Call {
    fn is_good(&self) -> bool {
        self.bearer == Bearer::Good
    }

    fn is_late(&self) -> bool {
        self.bearer == Bearer::Late
    }
}

struct Scene {
    app: App,
    api: TestClient,
    good: String,
    late: String,
    unknown: String,
    revoked: String,
    ending: Made,
    /// Of somebody whose limit is closed, and hardly ever full.
    witness: String,
    phase: AtomicUsize,
    calls: Mutex<Vec<Call>>,
}

/// Somebody who may call `orders` so often within an hour.
fn somebody(app: &App, name: &str, quota: usize, on_error: &str) -> PrincipalId {
    let org = app.org(name, None);
    app.operator(|work| let_call(work, Actor::Operator, "orders", org));
    let named = Named { principal: Some(org), ..Named::default() };
    // The plan has a limit of the day as well.
    for (name, quota) in [("minute", i64::try_from(quota).ok()), ("day", None)] {
        let wording = Wording { name, kind: "sliding", quota, window_s: 3600, unit: "requests", on_error };
        let terms = Terms::read(&wording).expect("terms");
        app.operator(|work| set(work, Actor::Operator, &named, terms));
    }
    org
}

fn key(app: &App, owner: PrincipalId) -> Made {
    let wish = Wish { name: "ci".into(), scope: "orders:read".into(), ..Wish::default() };
    let maker = Maker { actor: Actor::Operator, settings: &app.settings.credentials };
    app.operator(|work| create(work, maker, CredentialKind::ApiKey, owner, &wish).map(Ok)).expect("a key")
}

fn end(app: &App, key: &Credential) {
    assert!(app.operator(|work| revoke(work, Actor::Operator, key, None, "no longer needed").map(Ok)));
}

impl Scene {
    /// With a limit of this mode.
    async fn of(on_error: &str, redis: &Redis) -> Self {
        let app = App::with(|settings| {
            settings.limits.store = "redis".into();
            settings.redis.url = redis.url();
            settings.limits.nodes = 2;
            settings.limits.timeout_ms = 10_000;
            settings.guard.unknown_bearer = 1_000_000;
        })
        .await;
        let owner = somebody(&app, "Acme", QUOTA, on_error);
        let revoked = key(&app, owner);
        end(&app, &revoked.credential);
        Self {
            api: app.resource_server(),
            good: key(&app, owner).secret.expose().to_owned(),
            late: key(&app, somebody(&app, "Late", QUOTA, on_error)).secret.expose().to_owned(),
            unknown: Entropy.api_key(&KeyTag::default()).expose().to_owned(),
            revoked: revoked.secret.expose().to_owned(),
            ending: key(&app, somebody(&app, "Open", QUOTA, "open")),
            witness: key(&app, somebody(&app, "Closed", 1_000_000, "closed")).secret.expose().to_owned(),
            phase: AtomicUsize::new(COUNTED),
            calls: Mutex::default(),
            app,
        }
    }

    fn text(&self, bearer: Bearer) -> &str {
        match bearer {
            Bearer::Good => &self.good,
            Bearer::Late => &self.late,
            Bearer::Unknown => &self.unknown,
            Bearer::Revoked => &self.revoked,
            Bearer::Ending => self.ending.secret.expose(),
        }
    }

    /// As a proxy asks.
    async fn authz(&self, bearer: &str) -> Fared {
        let request = self.app.request("GET", "/authz?service=orders").bearer_auth(bearer);
        let request = request.header("x-original-method", "GET").header("x-original-uri", "/7");
        let answer = Answer::to(request).await;
        match answer.status {
            200 => Fared::Allowed,
            401 if answer.error() == "invalid_token" => Fared::NotKnown,
            429 if waits(&answer) => Fared::Limited,
            503 if waits(&answer) => Fared::NobodyKnows,
            _ => panic!("{answer:?}"),
        }
    }

    /// As an API asks.
    async fn introspected(&self, bearer: &str) -> Fared {
        let form =
            [("token", bearer), ("service", "orders"), ("method", "GET"), ("path", "/7"), ("consume", "1")];
        let answer = self.app.machine("/oauth/introspect", &self.api, &form).await;
        if answer.status == 503 && waits(&answer) {
            return Fared::NobodyKnows;
        }
        answer.is_ok();
        let told = answer.json();
        match (told["active"].as_bool(), told["authorized"].as_bool(), told["reason"].as_str()) {
            (Some(false), None, None) => Fared::NotKnown,
            (Some(true), Some(true), None) => Fared::Allowed,
            (Some(true), Some(false), Some("rate_limited")) => Fared::Limited,
            _ => panic!("{told}"),
        }
    }

    fn phase(&self) -> usize {
        self.phase.load(Ordering::SeqCst)
    }

    fn now(&self, phase: usize) {
        self.phase.store(phase, Ordering::SeqCst);
    }

    fn count(&self, is: impl Fn(&Call) -> bool) -> usize {
        self.calls.lock().expect("a list").iter().filter(|call| is(call)).count()
    }

    async fn until(&self, what: &str, many: usize, is: impl Fn(&Call) -> bool) {
        eventually(what, || async { self.count(&is) >= many }).await;
    }

    /// One of eight, who asks in one of the two ways, on and on.
    async fn calls_on_and_on(&self, caller: usize) {
        for bearer in CALLERS.into_iter().cycle().skip(caller).take(MOST) {
            let began = self.phase();
            if began == OVER {
                return;
            }
            if bearer == Bearer::Late && began < AWAY {
                continue;
            }
            let text = self.text(bearer);
            let fared =
                if caller.is_multiple_of(2) { self.authz(text).await } else { self.introspected(text).await };
            let call = Call { bearer, began, ended: self.phase(), fared };
            self.calls.lock().expect("a list").push(call);
        }
    }

    /// What becomes of Redis meanwhile; `locally`: how much goes ahead without it.
    async fn goes_on(&self, redis: &mut Redis, locally: usize) {
        self.until("allowed", QUOTA, |call| call.is_good() && call.fared == Fared::Allowed).await;
        self.until("limited", 8, |call| call.is_good() && call.fared == Fared::Limited).await;
        redis.kill();
        self.now(AWAY);
        self.until("asked", MANY, |call| call.is_good() && call.began == AWAY).await;
        let goes_ahead = |call: &Call| call.is_late() && call.ended == AWAY && call.fared == Fared::Allowed;
        self.until("allowed", locally, goes_ahead).await;
        end(&self.app, &self.ending.credential);
        self.now(REVOKED);
        self.until("asked", MANY, |call| call.is_good() && call.began == REVOKED).await;
        self.until("asked", 8, |call| call.bearer == Bearer::Ending && call.began == REVOKED).await;
        self.now(BACK);
        redis.start_again().await;
        let counts = || async { self.authz(&self.witness).await == Fared::Allowed };
        eventually("is it counted again", counts).await;
        self.now(COUNTED_AGAIN);
        let refused = |call: &Call| call.began == COUNTED_AGAIN && call.fared == Fared::Limited;
        self.until("limited again", 8, |call| call.is_good() && refused(call)).await;
        self.now(OVER);
    }

    /// All calls of it, once it is over.
    async fn played(self, mut redis: Redis, locally: usize) -> Vec<Call> {
        let callers = join_all((0..8).map(|caller| self.calls_on_and_on(caller)));
        tokio::join!(callers, self.goes_on(&mut redis, locally));
        self.calls.into_inner().expect("a list")
    }
}

/// Whether it says when to come again.
fn waits(answer: &Answer) -> bool {
    answer.header("retry-after").parse::<u32>().is_ok_and(|seconds| seconds > 0)
}

/// Eight callers, and what holds in every mode; the calls of the good keys.
async fn under_load(on_error: &str, locally: usize) -> Vec<Call> {
    let redis = Redis::start().await;
    let calls = Scene::of(on_error, &redis).await.played(redis, locally).await;
    for call in &calls {
        let may_be_known = match call.bearer {
            Bearer::Good | Bearer::Late => true,
            Bearer::Unknown | Bearer::Revoked => false,
            Bearer::Ending => call.began < REVOKED,
        };
        assert!(may_be_known || call.fared == Fared::NotKnown, "authentication failed open: {call:?}");
        let is_of_the_mode = call.is_good() || call.is_late();
        assert!(is_of_the_mode || call.fared != Fared::NobodyKnows, "{call:?}");
        assert!(!is_of_the_mode || call.fared != Fared::NotKnown, "a good key is never called bad: {call:?}");
    }
    let good: Vec<Call> = calls.into_iter().filter(|call| call.is_good() || call.is_late()).collect();
    let before = fared(&good, |call| call.ended == COUNTED);
    assert_eq!(before.allowed, QUOTA);
    assert_eq!(before.in_vain, 0);
    for is in [Call::is_good, Call::is_late] {
        let again = fared(&good, |call| is(call) && call.began == COUNTED_AGAIN);
        assert!(again.allowed <= QUOTA, "{again:?}");
        assert_eq!(again.in_vain, 0, "it is counted again");
    }
    good
}

/// How some calls fared.
#[derive(Debug)]
struct HowMany {
    all: usize,
    allowed: usize,
    in_vain: usize,
}

fn fared(calls: &[Call], of: impl Fn(&Call) -> bool) -> HowMany {
    let calls: Vec<&Call> = calls.iter().filter(|call| of(call)).collect();
    let that = |fared| calls.iter().filter(|call| call.fared == fared).count();
    HowMany { all: calls.len(), allowed: that(Fared::Allowed), in_vain: that(Fared::NobodyKnows) }
}

/// While Redis was away for certain.
fn is_away(call: &Call) -> bool {
    call.began >= AWAY && call.ended <= REVOKED
}

#[tokio::test]
async fn without_redis_a_local_limit_lets_through_this_nodes_share_and_no_more() {
    let calls = under_load("local", SHARE).await;
    let late = fared(&calls, |call| call.is_late() && is_away(call));
    assert_eq!((late.allowed, late.in_vain), (SHARE, 0));
    // What was on its way when Redis died was decided here as well: before, all had been used.
    let here = fared(&calls, |call| call.is_good() && (AWAY..=REVOKED).contains(&call.ended));
    assert!(here.allowed <= SHARE && here.in_vain == 0, "{here:?}");
    let all = fared(&calls, Call::is_good);
    // The new Redis knows nothing of before.
    assert!(all.allowed <= QUOTA + SHARE + QUOTA, "{all:?}");
}

#[tokio::test]
async fn without_redis_an_open_limit_lets_through_whoever_is_known() {
    let away = fared(&under_load("open", MANY).await, is_away);
    assert!(away.all >= 2 * MANY);
    assert_eq!(away.allowed, away.all);
}

#[tokio::test]
async fn without_redis_a_closed_limit_answers_503_and_says_when_to_come_again() {
    let calls = under_load("closed", 0).await;
    let away = fared(&calls, is_away);
    assert!(away.all >= 2 * MANY);
    assert_eq!(away.in_vain, away.all);
    assert!(fared(&calls, Call::is_good).allowed <= 2 * QUOTA);
}
