//! Two requests at once, in two tabs of one browser (check A34).

use crate::look::DESK;
use crate::stage::Stage;
use crate::support::ADA;

#[tokio::test]
async fn requests_finished_in_crossed_order_each_get_their_own_code() {
    let stage = Stage::set().await;
    let (shop, diary) = (stage.shop(), stage.shop_named("Diary", "Diary Ltd"));
    let (one, two) = (stage.tab(DESK).await, stage.tab(DESK).await);
    one.come_forward().await;
    one.go(&shop.authorize_path(&[("scope", "orders:read"), ("state", "one")])).await;
    two.come_forward().await;
    two.go(&diary.authorize_path(&[("scope", "people:read"), ("state", "two")])).await;
    two.sign_in(ADA).await;
    two.says("Allow Diary to use your account?").await;

    // She signed in at the second; a reload takes the first along, and does not mistake it for the second.
    one.come_forward().await;
    one.leave(one.driver().refresh()).await;
    one.check(200).await;
    one.says("Allow Shop to use your account?").await;

    for (tab, client, state, scope) in
        [(&two, &diary, "two", "people:read"), (&one, &shop, "one", "orders:read")]
    {
        tab.come_forward().await;
        tab.press("Allow").await;
        let told = stage.elsewhere.told();
        assert_eq!(told["state"], state);
        let answer = client.redeem(&stage.app, &told["code"]).await;
        answer.is_ok();
        assert_eq!(answer.text("scope"), scope);
    }
}

/// The form of a tab that was open before somebody signed in elsewhere is refused, and says what to do.
#[tokio::test]
async fn a_form_older_than_the_session_is_refused_and_a_reload_helps() {
    let stage = Stage::set().await;
    let (old, new) = (stage.tab(DESK).await, stage.tab(DESK).await);
    let shop = stage.shop();
    old.come_forward().await;
    old.go(&shop.authorize_path(&[])).await;
    new.come_forward().await;
    new.go("/login").await;
    new.sign_in(ADA).await;

    old.come_forward().await;
    old.type_in("bob", "whatever it is").await;
    old.press_expecting(403, "Sign in").await;
    old.says("Go back, reload the page and try again.").await;
    old.go(&shop.authorize_path(&[])).await;
    old.says("Allow Shop to use your account?").await;
    old.says("Ada Lovelace").await;
}
