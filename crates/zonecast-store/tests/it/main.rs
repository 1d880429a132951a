//! One suite for both databases: every test runs on a SQLite file of its own and on a database of its
//! own in a real PostgreSQL, and looks at the rows afterwards.

mod bed;
mod domains;
mod embedded;
mod engine;
mod faults;
mod history;
mod operation;
mod owners;
mod places;
mod schema;

/// Makes two tests out of one function: `law::sqlite` and `law::postgres`.
macro_rules! on_both {
    ($($law:ident)*) => {
        $(mod $law {
            #[tokio::test]
            async fn sqlite() {
                super::$law(crate::bed::Bed::sqlite().await).await
            }
            #[tokio::test]
            async fn postgres() {
                super::$law(crate::bed::Bed::postgres().await).await
            }
        })*
    };
}
pub(crate) use on_both;
