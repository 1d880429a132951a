<?php

namespace WHMCS\Module\Addon\Zonecast;

/** What came of one event: where it stands, and lines for the module's log (S2.51-56). */
final class Answer
{
    /** Zonecast has it. */
    public const SENT = 'sent';
    /** Zonecast could not be asked, or not now: it is sent again. */
    public const WAITING = 'waiting';
    /** Zonecast says that it cannot be; an admin has to look. */
    public const REFUSED = 'refused';

    /** @param list<string> $lines @param ?int $job the job whose log tells how it went on */
    public function __construct(public string $state, public array $lines, public ?int $job = null)
    {
    }

    public function text(): string
    {
        return implode("\n", $this->lines);
    }
}
