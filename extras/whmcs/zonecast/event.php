<?php

/**
 * One event from the command line, for cron jobs, for other panels, and to try the connection:
 *
 *   ZONECAST_URL=http://127.0.0.1:8053 ZONECAST_KEY=zc_1_... php event.php deploy NAME MAIN_DOMAIN IP...
 *   php event.php change-package NAME MAIN_DOMAIN IP...
 *   php event.php rdns FQDN IP REVERSE_NAME
 *   php event.php suspend|unsuspend|terminate|set-dns-records FQDN
 *   php event.php log JOB
 *
 * Lines go to stdout; exit 1 when something was refused or not reached.
 */

require __DIR__ . '/Zonecast.php';

[$url, $key] = [getenv('ZONECAST_URL'), getenv('ZONECAST_KEY')];
if (!$url || !$key || $argc < 3) {
    fwrite(STDERR, "set ZONECAST_URL and ZONECAST_KEY; then: php event.php EVENT ARGUMENT...\n");
    exit(2);
}
$zonecast = new Zonecast($url, $key);
$rest = array_slice($argv, 4);
$lines = match ($argv[1]) {
    'deploy' => $zonecast->deploy($argv[2], $argv[3] ?? '', $rest),
    'change-package' => $zonecast->changePackage($argv[2], $argv[3] ?? '', $rest),
    'rdns' => $zonecast->reverseName($argv[2], $argv[3] ?? '', $argv[4] ?? ''),
    'suspend' => $zonecast->suspend($argv[2], true),
    'unsuspend' => $zonecast->suspend($argv[2], false),
    'terminate' => $zonecast->terminate($argv[2]),
    'set-dns-records' => $zonecast->setDnsRecords($argv[2]),
    'log' => $zonecast->log((int) $argv[2]),
    default => null,
};
if ($lines === null) {
    fwrite(STDERR, "there is no event {$argv[1]}\n");
    exit(2);
}
echo implode("\n", $lines), $lines ? "\n" : '';
exit($zonecast->failed ? 1 : 0);
