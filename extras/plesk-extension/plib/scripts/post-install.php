<?php
// Registers the backend. Plesk has one slot for it: whoever held it is evicted, so an installation says
// so, and does nothing where ZONECAST_REGISTER=no (register by hand then, see docs/plesk.md).

if (getenv('ZONECAST_REGISTER') === 'no') {
    echo "info: the custom DNS backend was not registered; see docs/plesk.md\n";
    exit(0);
}

$windows = stripos(PHP_OS_FAMILY, 'Windows') === 0;
$plesk = getenv('ZONECAST_PLESK') ?: ($windows ? 'plesk.exe' : 'plesk');
$script = 'zonecast.php';
// One string: Plesk runs it as it stands for every change of a zone.
$backend = "$plesk bin extension --exec zonecast $script";

echo "warn: Plesk has one slot for a custom DNS backend; another backend that held it is switched off now\n";
$command = [$plesk, 'bin', 'server_dns', '--enable-custom-backend', $backend];
$process = @proc_open($command, [STDIN, STDOUT, STDERR], $pipes);
if (!is_resource($process)) {
    fwrite(STDERR, "err: $plesk could not be started\n");
    exit(255);
}
$code = proc_close($process);
if ($code !== 0) {
    fwrite(STDERR, "err: the custom DNS backend was not registered (exit code $code)\n");
    exit($code < 0 ? 255 : $code);
}
echo "info: the custom DNS backend is registered; `$plesk bin dns --sync-all-zones` sends every zone\n";
exit(0);
