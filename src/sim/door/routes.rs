//! Which request does what: method, path, who may call it, and whether it changes something.

use super::key_info;
use crate::sim::account;
use crate::sim::call::{Answer, Answered, Call, Refusal};
use crate::sim::instruments::listing;
use crate::sim::market;
use crate::sim::orders;
use crate::sim::positions;

/// What a route needs from the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Market data: no key is asked for, nothing is matched first.
    Public,
    /// The account's own rows.
    Read,
    /// A change, in one transaction that excludes other processes.
    Write,
}

/// One endpoint.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    pub(crate) run: Handler,
}

/// What answers a request.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// Most say what `result` is.
    Plain(fn(&Call<'_>) -> Answer),
    /// Some say more of the envelope.
    Whole(fn(&Call<'_>) -> Result<Answered, Refusal>),
}

impl Handler {
    pub(crate) fn run(self, call: &Call<'_>) -> Result<Answered, Refusal> {
        match self {
            Self::Plain(run) => run(call).map(Answered::from),
            Self::Whole(run) => run(call),
        }
    }
}

const fn public(path: &'static str, run: fn(&Call<'_>) -> Answer) -> Route {
    Route {
        method: "GET",
        path,
        kind: Kind::Public,
        run: Handler::Plain(run),
    }
}

const fn read(path: &'static str, run: fn(&Call<'_>) -> Answer) -> Route {
    Route {
        method: "GET",
        path,
        kind: Kind::Read,
        run: Handler::Plain(run),
    }
}

const fn write(path: &'static str, run: fn(&Call<'_>) -> Answer) -> Route {
    Route {
        method: "POST",
        path,
        kind: Kind::Write,
        run: Handler::Plain(run),
    }
}

const fn whole(path: &'static str, run: fn(&Call<'_>) -> Result<Answered, Refusal>) -> Route {
    Route {
        method: "POST",
        path,
        kind: Kind::Write,
        run: Handler::Whole(run),
    }
}

/// Every endpoint. `market/time` is answered by the server itself, whose clock a fault may move.
static ROUTES: &[Route] = &[
    public("/v5/market/tickers", market::tickers::tickers),
    public("/v5/market/orderbook", market::replies::orderbook),
    public("/v5/market/kline", market::candles::kline),
    public("/v5/market/mark-price-kline", market::candles::mark_kline),
    public("/v5/market/index-price-kline", market::candles::index_kline),
    public(
        "/v5/market/premium-index-price-kline",
        market::candles::premium_kline,
    ),
    public("/v5/market/funding/history", market::history::funding_history),
    public("/v5/market/open-interest", market::history::open_interest_history),
    public("/v5/market/account-ratio", market::history::account_ratio),
    public("/v5/market/recent-trade", market::replies::recent_trade),
    public("/v5/market/instruments-info", listing::instruments_info),
    public("/v5/market/price-limit", market::replies::price_limit),
    public("/v5/market/risk-limit", market::statistics::risk_limit),
    public(
        "/v5/market/historical-volatility",
        market::statistics::historical_volatility,
    ),
    public("/v5/market/insurance", market::statistics::insurance),
    public("/v5/market/delivery-price", market::statistics::delivery_price),
    public("/v5/system/status", market::statistics::system_status),
    public("/v5/announcements/index", market::statistics::announcements),
    read("/v5/account/wallet-balance", account::replies::wallet_balance),
    read("/v5/account/info", account::replies::info),
    read("/v5/account/fee-rate", account::replies::fee_rate),
    read("/v5/account/withdrawal", account::settings::withdrawal),
    read("/v5/account/query-dcp-info", account::settings::dcp_info),
    read(
        "/v5/account/user-setting-config",
        account::settings::user_settings,
    ),
    read("/v5/account/smp-group", account::settings::smp_group),
    read("/v5/account/instruments-info", listing::instruments_info),
    write(
        "/v5/account/set-limit-px-action",
        account::settings::set_limit_price_action,
    ),
    write(
        "/v5/account/set-hedging-mode",
        account::settings::set_hedging_mode,
    ),
    write("/v5/asset/transfer/inter-transfer", account::transfers::transfer),
    read(
        "/v5/asset/transfer/query-inter-transfer-list",
        account::transfers::list,
    ),
    read(
        "/v5/asset/transfer/query-transfer-coin-list",
        account::transfers::coins,
    ),
    read(
        "/v5/asset/transfer/query-account-coins-balance",
        account::assets::coins_balance,
    ),
    read(
        "/v5/asset/transfer/query-account-coin-balance",
        account::assets::coin_balance,
    ),
    read("/v5/asset/transfer/query-asset-info", account::assets::asset_info),
    read("/v5/asset/asset-overview", account::assets::overview),
    read("/v5/asset/coin/query-info", account::deposits::coin_info),
    read("/v5/asset/deposit/query-record", account::deposits::deposits),
    read("/v5/asset/withdraw/query-record", account::deposits::withdrawals),
    read("/v5/user/query-api", key_info::query_api),
    read("/v5/account/transaction-log", account::transaction_log::list),
    read(
        "/v5/account/collateral-info",
        account::borrow_replies::collateral_info,
    ),
    read("/v5/account/borrow-history", account::borrow_replies::history),
    write(
        "/v5/account/set-collateral-switch",
        account::borrow_replies::set_collateral_switch,
    ),
    write(
        "/v5/account/set-margin-mode",
        positions::margin_modes::set_margin_mode,
    ),
    read(
        "/v5/order/spot-borrow-check",
        account::borrow_replies::spot_borrow_check,
    ),
    read("/v5/position/list", positions::list),
    read("/v5/position/closed-pnl", positions::closed_pnl::list),
    read("/v5/position/symbol-info", positions::symbol_info),
    write("/v5/position/set-leverage", positions::margin_modes::set_leverage),
    write("/v5/position/add-margin", positions::margin_modes::add_margin),
    write(
        "/v5/position/set-auto-add-margin",
        positions::margin_modes::set_auto_add_margin,
    ),
    write("/v5/position/switch-mode", positions::switch_mode),
    write("/v5/position/trading-stop", orders::trading_stop::trading_stop),
    write("/v5/order/create", orders::create::create),
    write("/v5/order/amend", orders::changes::amend),
    write("/v5/order/cancel", orders::changes::cancel),
    write("/v5/order/cancel-all", orders::changes::cancel_all),
    whole("/v5/order/create-batch", orders::batches::create),
    whole("/v5/order/amend-batch", orders::batches::amend),
    whole("/v5/order/cancel-batch", orders::batches::cancel),
    whole(
        "/v5/order/disconnected-cancel-all",
        orders::precheck::disconnected,
    ),
    write("/v5/order/pre-check", orders::precheck::pre_check),
    read("/v5/order/realtime", orders::replies::realtime),
    read("/v5/order/history", orders::replies::history),
    read("/v5/execution/list", orders::replies::executions),
];

/// The endpoint of a method and path.
pub(crate) fn find(method: &str, path: &str) -> Option<&'static Route> {
    ROUTES
        .iter()
        .find(|route| route.method == method && route.path == path)
}
