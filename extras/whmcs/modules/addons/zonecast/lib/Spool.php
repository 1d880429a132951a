<?php

namespace WHMCS\Module\Addon\Zonecast;

use PDO;
use PDOException;

/**
 * Events on their way to Zonecast, in WHMCS's own database: an event is stored before it is sent, so it
 * is lost neither when Zonecast is down nor when this process dies (terminate above all).
 *
 * A row is `waiting` until Zonecast has it, `sent` until the lines of its job are in the module log, then
 * gone; `refused` until an admin sends it again or drops it. The events of one name go in their order: a
 * later one waits for an earlier one. Steps between tries: 1, 2, 4 ... 60 minutes.
 */
final class Spool
{
    private const TABLE = 'mod_zonecast_spool';
    /** How long a row belongs to whoever took it, in seconds: longer than its calls can take. */
    private const TAKEN = 120;

    /** @param \Closure(): int $now seconds since 1970 */
    public function __construct(private PDO $db, private \Closure $now)
    {
        $db->setAttribute(PDO::ATTR_ERRMODE, PDO::ERRMODE_EXCEPTION);
    }

    /** Makes the table; done twice is fine. */
    public function create(): void
    {
        $this->db->exec('CREATE TABLE IF NOT EXISTS ' . self::TABLE . ' (
            id BIGINT NOT NULL PRIMARY KEY, service_id INT NOT NULL, fqdn VARCHAR(255) NOT NULL,
            event VARCHAR(20) NOT NULL, body TEXT NOT NULL, stored_at BIGINT NOT NULL,
            state VARCHAR(10) NOT NULL, tries INT NOT NULL, next_at BIGINT NOT NULL,
            job_id BIGINT NULL, words TEXT NULL)');
    }

    /** @param array<string, mixed> $body what the event says */
    public function add(int $service, string $fqdn, string $event, array $body = []): void
    {
        $insert = $this->db->prepare('INSERT INTO ' . self::TABLE . ' (id, service_id, fqdn, event, body, stored_at, state, tries, next_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, 0, 0)');
        for ($id = $this->nextId();; $id++) {
            try {
                $insert->execute([$id, $service, $fqdn, $event, json_encode($body), ($this->now)(), Answer::WAITING]);
                return;
            } catch (PDOException $error) {
                // Another process had the same number.
                if (!str_starts_with((string) $error->getCode(), '23')) {
                    throw $error;
                }
            }
        }
    }

    /**
     * Takes the next row that is due; null when there is none. Nobody else gets it meanwhile.
     *
     * @return array<string, mixed>|null
     */
    public function take(?string $fqdn = null): ?array
    {
        $sql = 'SELECT * FROM ' . self::TABLE . ' AS due WHERE state IN (?, ?) AND next_at <= ?' . ($fqdn === null ? '' : ' AND fqdn = ?')
            . ' AND (state = ? OR NOT EXISTS (SELECT 1 FROM ' . self::TABLE . ' AS before_it WHERE before_it.fqdn = due.fqdn
                AND before_it.state = ? AND before_it.id < due.id)) ORDER BY id LIMIT 20';
        $now = ($this->now)();
        $values = [Answer::WAITING, Answer::SENT, $now, ...($fqdn === null ? [] : [$fqdn]), Answer::SENT, Answer::WAITING];
        foreach ($this->rows($sql, $values) as $row) {
            $mine = $this->run(
                'UPDATE ' . self::TABLE . ' SET next_at = ?, tries = tries + 1 WHERE id = ? AND state = ? AND tries = ?',
                [$now + self::TAKEN, $row['id'], $row['state'], $row['tries']],
            );
            if ($mine === 1) {
                return ['body' => json_decode($row['body'], true), 'tries' => $row['tries'] + 1] + $row;
            }
        }
        return null;
    }

    /** What came of a row that was taken. @param array<string, mixed> $row */
    public function settle(array $row, Answer $answer): void
    {
        if ($answer->state === Answer::SENT && $answer->job === null) {
            $this->drop((int) $row['id']);
            return;
        }
        $wait = $answer->state === Answer::WAITING ? 60 * min(60, 2 ** min(10, $row['tries'] - 1)) : 0;
        $this->run(
            'UPDATE ' . self::TABLE . ' SET state = ?, next_at = ?, job_id = ?, words = ?, tries = ? WHERE id = ?',
            [$answer->state, ($this->now)() + $wait, $answer->job, $answer->text(), $answer->state === Answer::SENT ? 0 : $row['tries'], $row['id']],
        );
    }

    /** The job of a sent row has not ended: its log is looked at again with the next run. @param array<string, mixed> $row */
    public function later(array $row): void
    {
        $this->run('UPDATE ' . self::TABLE . ' SET next_at = ? WHERE id = ?', [($this->now)() + 30, $row['id']]);
    }

    public function drop(int $id): void
    {
        $this->run('DELETE FROM ' . self::TABLE . ' WHERE id = ?', [$id]);
    }

    /** Everything that waits or was refused is due at once. */
    public function again(?int $id = null): void
    {
        $this->run(
            'UPDATE ' . self::TABLE . ' SET state = ?, next_at = 0, tries = 0 WHERE state IN (?, ?)' . ($id === null ? '' : ' AND id = ?'),
            [Answer::WAITING, Answer::WAITING, Answer::REFUSED, ...($id === null ? [] : [$id])],
        );
    }

    /** @return list<array<string, mixed>> oldest first, at most 200 */
    public function all(?string $fqdn = null): array
    {
        return $this->rows(
            'SELECT * FROM ' . self::TABLE . ($fqdn === null ? '' : ' WHERE fqdn = ?') . ' ORDER BY id LIMIT 200',
            $fqdn === null ? [] : [$fqdn],
        );
    }

    public function count(string $state): int
    {
        return (int) $this->rows('SELECT COUNT(*) AS n FROM ' . self::TABLE . ' WHERE state = ?', [$state])[0]['n'];
    }

    private function nextId(): int
    {
        return 1 + (int) $this->rows('SELECT COALESCE(MAX(id), 0) AS n FROM ' . self::TABLE, [])[0]['n'];
    }

    /** @param list<mixed> $values @return list<array<string, mixed>> */
    private function rows(string $sql, array $values): array
    {
        $query = $this->db->prepare($sql);
        $query->execute($values);
        return $query->fetchAll(PDO::FETCH_ASSOC);
    }

    /** @param list<mixed> $values */
    private function run(string $sql, array $values): int
    {
        $query = $this->db->prepare($sql);
        $query->execute($values);
        return $query->rowCount();
    }
}
