<?php

/**
 * One event from the command line, for cron jobs, for other panels, and to try the connection:
 *
 *   ZONECAST_URL=http://127.0.0.1:8053 ZONECAST_KEY=zc_1_... php event.php deploy FQDN IP...
 *   php event.php change-package FQDN IP...
 *   php event.php rdns FQDN IP REVERSE_NAME
 *   php event.php suspend|unsuspend|terminate|set-dns-records FQDN
 *   php event.php log JOB
 *
 * Lines go to stdout; exit 1 when something was refused or not reached. Nothing is spooled here.
 */

use WHMCS\Module\Addon\Zonecast\Answer;
use WHMCS\Module\Addon\Zonecast\Api;

if (PHP_SAPI !== 'cli') {
    exit('This file is for the command line');
}

require __DIR__ . '/lib/all.php';

[$url, $key] = [getenv('ZONECAST_URL'), getenv('ZONECAST_KEY')];
if (!$url || !$key || $argc < 3) {
    fwrite(STDERR, "set ZONECAST_URL and ZONECAST_KEY; then: php event.php EVENT ARGUMENT...\n");
    exit(2);
}
$api = new Api($url, $key);
if ($argv[1] === 'log') {
    $job = $api->job((int) $argv[2]);
    echo $job === null ? "fwd ERR Zonecast could not be asked\n" : implode("\n", $job['lines']) . "\n";
    exit($job === null ? 1 : 0);
}
$answer = match ($argv[1]) {
    'deploy', 'change-package' => $api->addresses($argv[2], array_slice($argv, 3)),
    'rdns' => $api->reverseName($argv[2], $argv[3] ?? '', $argv[4] ?? ''),
    'suspend' => $api->suspend($argv[2], true),
    'unsuspend' => $api->suspend($argv[2], false),
    'terminate' => $api->terminate($argv[2]),
    'set-dns-records' => $api->setDnsRecords($argv[2]),
    default => null,
};
if ($answer === null) {
    fwrite(STDERR, "there is no event {$argv[1]}\n");
    exit(2);
}
echo $answer->text(), "\n";
exit($answer->state === Answer::SENT ? 0 : 1);
