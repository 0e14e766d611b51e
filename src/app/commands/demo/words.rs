//! What the demo says.

use std::path::Path;

use serde_json::{Value, json};

use crate::app::commands::demo::furnish::{Cast, IDENTIFIER, PASSWORD, TOOLS_REDIRECT, TOOLS_SCOPE};
use crate::app::commands::demo::partners::{ADMINISTRATOR, PARTNERS, Partner};
use crate::app::commands::demo::stage::Stage;
use crate::app::commands::{Refusal, Shell, print, table};

/// Says that it will take a moment.
pub(super) fn at_first(shell: &Shell) -> Result<(), Refusal> {
    to_a_person(shell, "A database, Grantor, an app and an API are being started …\n")
}

/// Says what to open and what to try: to a program, in one line.
pub(super) fn what_to_try(shell: &Shell, stage: &Stage, cast: &Cast) -> Result<(), Refusal> {
    let (issuer, app, api) = (&stage.settings.issuer, stage.app_url(), stage.api_url());
    let (web, public) = (&cast.web.client.id, &cast.public.client.id);
    if shell.json {
        let value = json!({
            "issuer": issuer, "app": format!("{app}/"), "api": format!("{api}/"),
            "user": { "identifier": IDENTIFIER, "password": PASSWORD },
            "clients": { "web": web.as_str(), "public": public.as_str() },
            "partners": PARTNERS.iter().map(described).collect::<Vec<_>>(),
            "administrator": { "identifier": ADMINISTRATOR, "token": cast.token.expose() },
            "data_dir": stage.settings.database.data_dir,
        });
        return print(&value.to_string());
    }
    print(&format!(
        "Grantor runs at {issuer}. Parcel, an app of somebody else's, would like to use an API in your name:

  1. Open  {app}/  and press \"Connect with Grantor\".
  2. Sign in as  {IDENTIFIER}  with the password  {PASSWORD}
  3. Press \"Allow\". (To try \"Deny\", or an unticked box, disconnect Parcel first, as in 5, and connect again.)
  4. In Parcel, look at your orders, place one, and refresh.
  5. Open  {issuer}/account/apps  and press \"Disconnect\".
  6. Look at your orders in Parcel again: it is refused, says so, and offers to connect anew.
  7. Connect it again, remove only \"Place orders for you\" at Grantor, and try to place one: Parcel is refused,
     and asks for it again if you like.

To try tools of your own, there is \"Test client\", a public one, without a secret and with PKCE (S256):

  client_id     {public}
  redirect_uri  {TOOLS_REDIRECT}  (at any port)
  scope         {TOOLS_SCOPE}
  metadata      {issuer}/.well-known/oauth-authorization-server
  API           {api}/

{}
Everything is on this machine only, and gone when you press Ctrl-C.",
        about_partners(stage, cast)
    ))
}

fn described(partner: &Partner) -> Value {
    let Partner { name, key, services, quota } = partner;
    json!({ "org": name, "api_key": key, "services": services, "per_minute": quota })
}

/// What there is to try with keys, in another terminal. Every line that is to be pasted begins with two spaces, and stands
/// alone.
fn about_partners(stage: &Stage, cast: &Cast) -> String {
    let row = |Partner { name, key, services, quota }: &Partner| {
        vec![format!("  {name}"), (*key).to_owned(), format!("{quota} a minute"), services.join(", ")]
    };
    let rows = table(
        &["  ORGANIZATION", "API KEY", "LIMIT", "MAY CALL"],
        &PARTNERS.iter().map(row).collect::<Vec<_>>(),
    );
    let [premium, basic, _] = &PARTNERS;
    let (premium, basic, calls) = (premium.key, basic.key, basic.quota + 1);
    let asked = format!("{}/authz/envoy", stage.settings.issuer);
    let (home, grantor) = (quoted(&stage.settings.database.data_dir), quoted(&stage.program));
    let (issuer, token) = (&stage.settings.issuer, cast.token.expose());
    format!(
        "Partners call an API with keys, which you may try in another terminal:

{rows}

A proxy in front of the API asks Grantor about each call. Ask in its place: may this one be made (200)? And that one
(403)? How often within a minute (429)?

  curl -i -H 'X-API-Key: {premium}' {asked}/todos/1
  curl -i -H 'X-API-Key: {basic}' {asked}/todos/1
  for call in $(seq {calls}); do curl -s -o /dev/null -w '%{{http_code}} ' -H 'X-API-Key: {basic}' {asked}/posts/1; done

Every answer has an X-Request-Id. Put it in place of REQUEST_ID, and you are told what was looked at; and whether the
audit log is as it was written:

  export GRANTOR_DATABASE__DATA_DIR={home}
  {grantor} request show REQUEST_ID
  {grantor} audit verify

{ADMINISTRATOR} administers this server, and all of it can be managed by HTTP with this personal token, which is shown once:

  token={token}
  curl -H \"Authorization: Bearer $token\" {issuer}/api/v1/orgs
  curl -H \"Authorization: Bearer $token\" {issuer}/api/v1/requests/REQUEST_ID
"
    )
}

/// As a shell reads it, whatever is in it.
fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

/// Says that nothing is left.
pub(super) fn at_last(shell: &Shell) -> Result<(), Refusal> {
    to_a_person(shell, "\nThe demo is over, and everything that it made is gone.")
}

fn to_a_person(shell: &Shell, words: &str) -> Result<(), Refusal> {
    if shell.json { Ok(()) } else { print(words) }
}
