<?php
// Registers the backend. Plesk has one slot for it: whoever held it is evicted, so an installation says
// so, and does nothing where ZONECAST_REGISTER=no (the extension's page does it then).

pm_Loader::registerAutoload();
pm_Context::init('zonecast');

if (getenv('ZONECAST_REGISTER') === 'no') {
    echo "info: the custom DNS backend was not registered; the extension's page does it\n";
    exit(0);
}
echo "warn: Plesk has one slot for a custom DNS backend; another backend that held it is switched off now\n";
try {
    Modules_Zonecast_Backend::register();
} catch (pm_Exception $error) {
    fwrite(STDERR, "err: the custom DNS backend was not registered: {$error->getMessage()}\n");
    exit(1);
}
echo "info: the custom DNS backend is registered; write address and key into the extension's settings\n";
exit(0);
