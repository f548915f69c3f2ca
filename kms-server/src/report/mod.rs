//! What was used, and what it would have cost on AWS: requests counted as they come, a price list, and bills.

mod bill;
mod month;
mod price;
mod tally;

pub use bill::{Bill, KeyTime, bills};
pub use month::Month;
pub use price::{
    FREE_REQUESTS, KEY_MONTH_USD, PRICED_ROTATIONS, PRICES_OF, PriceClass, PriceRow, price_class,
};
pub use tally::{Counted, Counts, Row, Tally};
