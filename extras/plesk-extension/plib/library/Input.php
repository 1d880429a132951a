<?php

/** What Plesk sent: which domains it is about, and what is left of it without those that are switched off. */
class Modules_Zonecast_Input
{
    private $text;
    private $commands;

    public function __construct(string $text)
    {
        $this->text = $text;
        $commands = json_decode($text, true);
        if (is_array($commands) && isset($commands['command'])) {
            $commands = [$commands];
        }
        // What is no list of commands is told in the program's words.
        $this->commands = is_array($commands) ? $commands : [];
    }

    /** @return list<string> names of zones, in ASCII and lower case, without the final dot */
    public function domains(): array
    {
        return array_values(array_unique(array_filter(array_map([self::class, 'zoneOf'], $this->commands))));
    }

    /**
     * @param list<string> $off
     * @return array{0: string, 1: list<string>} the text for the program, empty when nothing is left; who was left out
     */
    public function without(array $off): array
    {
        $left = [];
        $kept = array_filter($this->commands, function ($command) use ($off, &$left) {
            $domain = self::zoneOf($command);
            if ($domain !== '' && in_array($domain, $off, true)) {
                $left[] = $domain;
                return false;
            }
            return true;
        });
        if ($left === []) {
            return [$this->text, []];
        }
        return [$kept === [] ? '' : json_encode(array_values($kept), JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE), array_values(array_unique($left))];
    }

    private static function zoneOf($command): string
    {
        $name = is_array($command) ? ($command['zone']['name'] ?? '') : '';
        return is_string($name) ? strtolower(rtrim($name, '.')) : '';
    }
}
