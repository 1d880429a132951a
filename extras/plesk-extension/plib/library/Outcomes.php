<?php

/** What came of the last change of each domain, in Zonecast's words; one file, written whole or not at all. */
class Modules_Zonecast_Outcomes
{
    const LINES = 20;
    const LENGTH = 300;

    private $file;

    public function __construct(string $folder)
    {
        $this->file = rtrim($folder, '/\\') . DIRECTORY_SEPARATOR . 'outcomes.json';
    }

    /** @return array<string, array{at: int, ok: bool, lines: list<string>}> */
    public function all(): array
    {
        return json_decode((string) @file_get_contents($this->file), true) ?: [];
    }

    /**
     * @param list<string> $domains what the call was about
     * @param list<string> $lines   what the program said
     */
    public function remember(array $domains, array $lines, bool $ok): void
    {
        if ($domains === []) {
            return;
        }
        $lock = fopen($this->file . '.lock', 'c');
        if ($lock === false || !flock($lock, LOCK_EX)) {
            return;
        }
        $all = $this->all();
        foreach ($domains as $domain) {
            $own = count($domains) === 1 ? $lines : array_filter($lines, function ($line) use ($domain) {
                return (bool) preg_match('/(?<![\w.-])(?:[\w.-]+\.)?' . preg_quote($domain, '/') . '(?![\w-])/i', $line);
            });
            $bad = preg_grep('/^(warn|err):/', $own) !== [];
            $own = array_map(function ($line) {
                // Whole characters, without an extension that may not be there.
                return preg_match('/^.{' . self::LENGTH . '}/us', $line, $head) ? $head[0] . '...' : $line;
            }, array_slice(array_values($own), -self::LINES));
            $all[$domain] = ['at' => time(), 'ok' => !$bad && ($ok || count($domains) > 1), 'lines' => $own];
        }
        $part = $this->file . '.new';
        if (file_put_contents($part, json_encode($all, JSON_UNESCAPED_UNICODE | JSON_INVALID_UTF8_SUBSTITUTE)) !== false) {
            rename($part, $this->file);
        }
        fclose($lock);
    }
}
