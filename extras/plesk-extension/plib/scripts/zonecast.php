<?php
// What Plesk starts for every change of a zone: passes standard input, lines and exit code between
// Plesk and `zonecast plesk`, and decides nothing itself.
//
// Settings come from the environment, else from settings.ini beside this extension's var folder:
//   ZONECAST_BIN      the program                      (default: zonecast, found by PATH)
//   ZONECAST_DATA     data folder of a daemon here     or ZONECAST_URL and ZONECAST_KEY of one elsewhere
//   ZONECAST_CONFIG   configuration file with [plesk]

const NAMES = ['ZONECAST_BIN', 'ZONECAST_DATA', 'ZONECAST_URL', 'ZONECAST_KEY', 'ZONECAST_CONFIG'];

function zonecast_settings(): array
{
    $file = getenv('ZONECAST_SETTINGS') ?: '/usr/local/psa/var/modules/zonecast/settings.ini';
    $stored = is_readable($file) ? parse_ini_file($file, false, INI_SCANNER_RAW) : [];
    $settings = [];
    foreach (NAMES as $name) {
        $value = getenv($name);
        $value = $value !== false && $value !== '' ? $value : ($stored[$name] ?? '');
        if ($value !== '') {
            $settings[$name] = $value;
        }
    }
    return $settings;
}

function zonecast_run(): int
{
    $settings = zonecast_settings();
    $command = [$settings['ZONECAST_BIN'] ?? 'zonecast', 'plesk'];
    // The program reads Plesk's own standard input: nothing is held here, however large a zone is.
    $process = @proc_open($command, [STDIN, STDOUT, STDERR], $pipes, null, array_merge(getenv(), $settings));
    $code = is_resource($process) ? proc_close($process) : 127;
    // What PHP's child answers for a program it cannot start; Zonecast itself knows 0 and 255 only.
    if ($code === 126 || $code === 127) {
        fwrite(STDERR, "err: {$command[0]} could not be started; set ZONECAST_BIN\n");
        return 255;
    }
    return $code < 0 ? 255 : $code;
}

exit(zonecast_run());
