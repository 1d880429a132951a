<?php

/** Between Plesk and the program: hands over what Plesk sent, passes its lines and exit code on, decides nothing about records. */
class Modules_Zonecast_Backend
{
    /** The command line that Plesk runs for every change: one string, the whole path in quotes. */
    public static function commandLine(): string
    {
        $windows = stripos(PHP_OS_FAMILY, 'Windows') === 0;
        $extension = PRODUCT_ROOT . ($windows ? '\bin\extension.exe' : '/bin/extension');
        return '"' . $extension . '" --exec ' . pm_Context::getModuleId() . ' zonecast.php';
    }

    /** Takes Plesk's one slot for a custom DNS backend. @throws pm_Exception */
    public static function register(): void
    {
        pm_ApiCli::call('server_dns', ['--enable-custom-backend', self::commandLine()]);
    }

    /** Plesk returns to its defaults. @throws pm_Exception */
    public static function release(): void
    {
        pm_ApiCli::call('server_dns', ['--disable-custom-backend']);
    }

    /** Plesk sends every zone again. @throws pm_Exception */
    public static function sendAll(): void
    {
        pm_ApiCli::call('dns', ['--sync-all-zones']);
    }

    /** One call of Plesk: its standard input in, the exit code out; lines go to the two streams as they come. */
    public static function run($in, $out, $err): int
    {
        if (!Modules_Zonecast_Settings::isEnabled()) {
            return 0;
        }
        $input = new Modules_Zonecast_Input(stream_get_contents($in));
        [$text, $off] = $input->without(Modules_Zonecast_Settings::off());
        foreach ($off as $domain) {
            fwrite($out, "info: $domain is switched off for Zonecast; nothing was sent\n");
        }
        if ($off !== [] && $text === '') {
            return 0;
        }
        $lines = [];
        $code = self::program($text, $out, $err, $lines);
        try {
            $outcomes = new Modules_Zonecast_Outcomes(pm_Context::getVarDir());
            $outcomes->remember(array_values(array_diff($input->domains(), $off)), $lines, $code === 0);
        } catch (Throwable $error) {
            // What is shown later must not change what Plesk is told now.
            fwrite($err, "warn: the outcome could not be kept for the extension's page: {$error->getMessage()}\n");
        }
        return $code;
    }

    private static function program(string $text, $out, $err, array &$lines): int
    {
        $program = Modules_Zonecast_Settings::program();
        $say = function (string $line) use ($err, &$lines) {
            fwrite($err, $line . "\n");
            $lines[] = $line;
            return 255;
        };
        if ($program === '') {
            return $say('err: the program zonecast was not found; write its path into the settings of the extension');
        }
        $ends = [['pipe', 'r'], ['pipe', 'w'], ['pipe', 'w']];
        $process = @proc_open([$program, 'plesk'], $ends, $pipes, null, Modules_Zonecast_Settings::environment());
        if (!is_resource($process)) {
            return $say("err: $program could not be started");
        }
        // The program reads all of its input before it says anything.
        @fwrite($pipes[0], $text);
        fclose($pipes[0]);
        self::pass([1 => $out, 2 => $err], $pipes, $lines);
        $code = proc_close($process);
        // What PHP's child answers for a program it cannot start; Zonecast itself knows 0 and 255 only.
        return $code === 126 || $code === 127 ? $say("err: $program could not be started") : ($code < 0 ? 255 : $code);
    }

    private static function pass(array $streams, array $pipes, array &$lines): void
    {
        $open = [1 => $pipes[1], 2 => $pipes[2]];
        while ($open !== []) {
            $ready = $open;
            $none = null;
            if (stream_select($ready, $none, $none, 60) === false) {
                break;
            }
            foreach ($ready as $stream) {
                $at = array_search($stream, $open, true);
                $line = fgets($stream);
                if ($line === false) {
                    fclose($stream);
                    unset($open[$at]);
                    continue;
                }
                fwrite($streams[$at], $line);
                $lines[] = rtrim($line);
            }
        }
    }

    /** Whether the address and the key are right. @return array{0: bool, 1: string} and the words for the admin */
    public static function test(): array
    {
        [$url, $key] = [Modules_Zonecast_Settings::url(), Modules_Zonecast_Settings::key()];
        if ($url === '' || $key === '') {
            return [false, pm_Locale::lmsg('testNotSet')];
        }
        if (Modules_Zonecast_Settings::program() === '') {
            return [false, pm_Locale::lmsg('testNoProgram')];
        }
        $http = ['header' => "Authorization: Bearer $key\r\nAccept: application/json", 'timeout' => 10, 'ignore_errors' => true, 'follow_location' => 0];
        $text = @file_get_contents("$url/api/v1/domains?limit=1", false, stream_context_create(['http' => $http]));
        if ($text === false) {
            return [false, pm_Locale::lmsg('testNotReached', ['url' => $url, 'words' => (string) (error_get_last()['message'] ?? '')])];
        }
        $status = (int) (explode(' ', $http_response_header[0] ?? '')[1] ?? 0);
        if ($status === 200) {
            return [true, pm_Locale::lmsg('testOk', ['url' => $url])];
        }
        return [false, pm_Locale::lmsg('testRefused', ['words' => (string) (json_decode($text, true)['detail'] ?? "HTTP $status")])];
    }
}
