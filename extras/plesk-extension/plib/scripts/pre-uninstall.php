<?php
// Gives the slot of the custom DNS backend back; Plesk then returns to its defaults. Releasing it blindly
// would evict another extension that took it since: ZONECAST_REGISTER=no leaves it alone.

pm_Loader::registerAutoload();
pm_Context::init('zonecast');

if (getenv('ZONECAST_REGISTER') === 'no') {
    echo "info: the custom DNS backend was left as it is\n";
    exit(0);
}
try {
    Modules_Zonecast_Backend::release();
} catch (pm_Exception $error) {
    fwrite(STDERR, "err: the custom DNS backend was not released: {$error->getMessage()}\n");
    exit(1);
}
echo "info: the custom DNS backend is released; the records at the providers stay as they are\n";
exit(0);
