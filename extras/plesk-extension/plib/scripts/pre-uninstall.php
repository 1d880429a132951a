<?php
// Gives the slot of the custom DNS backend back; Plesk then returns to its defaults. Releasing it blindly
// would evict another extension that took it since: ZONECAST_REGISTER=no leaves it alone.

if (getenv('ZONECAST_REGISTER') === 'no') {
    echo "info: the custom DNS backend was left as it is\n";
    exit(0);
}

$windows = stripos(PHP_OS_FAMILY, 'Windows') === 0;
$plesk = getenv('ZONECAST_PLESK') ?: ($windows ? 'plesk.exe' : 'plesk');
$process = @proc_open([$plesk, 'bin', 'server_dns', '--disable-custom-backend'], [STDIN, STDOUT, STDERR], $pipes);
if (!is_resource($process)) {
    fwrite(STDERR, "err: $plesk could not be started\n");
    exit(255);
}
$code = proc_close($process);
if ($code !== 0) {
    fwrite(STDERR, "err: the custom DNS backend was not released (exit code $code)\n");
    exit($code < 0 ? 255 : $code);
}
echo "info: the custom DNS backend is released; the records at the providers stay as they are\n";
exit(0);
