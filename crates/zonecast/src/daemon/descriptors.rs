//! How many files and connections this process may have open.

/// More than this is never needed; some systems allow a thousand million.
const MOST: libc::rlim_t = 65_536;

/// Raises the soft limit (1,024 on most systems, which a crowd of clients uses up) as far as the hard one
/// lets us.
pub(super) fn raise() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: both calls get a valid struct of ours and keep nothing of it.
    let raised = unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) != 0 {
            return;
        }
        let most = limit.rlim_max.min(MOST);
        if limit.rlim_cur >= most {
            return;
        }
        limit.rlim_cur = most;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) == 0
    };
    tracing::debug!(raised, limit = limit.rlim_cur, "descriptors");
}
