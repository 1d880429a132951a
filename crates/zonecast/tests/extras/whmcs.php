<?php

/**
 * As much of WHMCS as the module touches: its database (SQLite here), hooks, logs and tokens. One process is
 * one request:
 *
 *   php whmcs.php DATABASE configure '{"url": ...}'        the admin saves the module's configuration
 *   php whmcs.php DATABASE hook NAME '{vars}'              WHMCS runs a hook; what it returns is printed
 *   php whmcs.php DATABASE page '{post}'                   the module's own page
 *   php whmcs.php DATABASE client UID '{post}'             the module's page in the client area
 *   php whmcs.php DATABASE spool                           the rows of the spool, as JSON
 *   php whmcs.php DATABASE log                             what the module wrote into WHMCS's logs
 */

namespace WHMCS\Database {
    /** The two ways in which modules reach the database: a few words of the query builder, and PDO. */
    final class Capsule
    {
        public static \PDO $pdo;
        private string $where = '1 = 1';
        private array $values = [];

        private function __construct(private string $table)
        {
        }

        public static function connection(): self
        {
            return new self('');
        }

        public function getPdo(): \PDO
        {
            return self::$pdo;
        }

        public static function table(string $table): self
        {
            return new self($table);
        }

        public function where(string $column, mixed $value): self
        {
            $this->where .= " AND $column = ?";
            $this->values[] = $value;
            return $this;
        }

        public function get(): array
        {
            $query = self::$pdo->prepare("SELECT * FROM {$this->table} WHERE {$this->where}");
            $query->execute($this->values);
            return $query->fetchAll(\PDO::FETCH_OBJ);
        }

        public function first(): ?object
        {
            return $this->get()[0] ?? null;
        }
    }
}

namespace {
    use WHMCS\Database\Capsule;

    const WHMCS = true;
    $database = $argv[1];
    Capsule::$pdo = new PDO("sqlite:$database", null, null, [PDO::ATTR_TIMEOUT => 10, PDO::ATTR_ERRMODE => PDO::ERRMODE_EXCEPTION]);
    Capsule::$pdo->exec('CREATE TABLE IF NOT EXISTS tbladdonmodules (module TEXT, setting TEXT, value TEXT);
        CREATE TABLE IF NOT EXISTS tblhosting (id INTEGER PRIMARY KEY, userid INT, packageid INT, domain TEXT, dedicatedip TEXT, assignedips TEXT);
        CREATE TABLE IF NOT EXISTS said (line TEXT)');
    $hooks = [];

    function add_hook(string $name, int $priority, callable $hook): void
    {
        $GLOBALS['hooks'][$name][] = $hook;
    }

    function said(string $line): void
    {
        Capsule::$pdo->prepare('INSERT INTO said VALUES (?)')->execute([$line]);
    }

    function logModuleCall(string $module, string $action, mixed $request, mixed $response, mixed $data, array $secrets): void
    {
        said(str_replace($secrets, '****', "module log: $action $request: $response"));
    }

    function logActivity(string $text): void
    {
        said("activity: $text");
    }

    function generate_token(string $kind = 'form'): string
    {
        return '<input type="hidden" name="token" value="right">';
    }

    function check_token(string $namespace = ''): void
    {
        if (($_POST['token'] ?? '') !== 'right') {
            exit('refused: no token');
        }
    }

    $module = __DIR__ . '/../../../../extras/whmcs/modules/addons/zonecast';
    require "$module/zonecast.php";
    require "$module/hooks.php";
    $given = static fn (int $at) => json_decode($argv[$at] ?? '{}', true, 512, JSON_THROW_ON_ERROR);
    switch ($argv[2]) {
        case 'configure':
            echo zonecast_activate()['status'], "\n";
            Capsule::$pdo->exec('DELETE FROM tbladdonmodules');
            foreach ($given(3) as $setting => $value) {
                Capsule::$pdo->prepare("INSERT INTO tbladdonmodules VALUES ('zonecast', ?, ?)")->execute([$setting, $value]);
            }
            break;
        case 'service':
            $row = $given(3);
            $columns = implode(', ', array_keys($row));
            $marks = implode(', ', array_fill(0, count($row), '?'));
            Capsule::$pdo->prepare("REPLACE INTO tblhosting ($columns) VALUES ($marks)")->execute(array_values($row));
            break;
        case 'hook':
            $vars = $given(4);
            $_SESSION['uid'] = $vars['uid'] ?? 0;
            if (isset($vars['service'])) {
                $vars['service'] = (object) $vars['service'];
            }
            foreach ($hooks[$argv[3]] as $hook) {
                $answer = $hook($vars);
                echo is_array($answer) ? implode("\n", $answer) : $answer;
            }
            break;
        case 'page':
            $_POST = $given(3);
            zonecast_output(['modulelink' => 'addonmodules.php?module=zonecast']);
            break;
        case 'client':
            $_SESSION['uid'] = (int) $argv[3];
            $_SERVER['REQUEST_METHOD'] = 'POST';
            $_POST = $given(4);
            echo zonecast_clientarea([])['vars']['said'];
            break;
        case 'spool':
            echo json_encode(Capsule::$pdo->query('SELECT * FROM mod_zonecast_spool ORDER BY id')->fetchAll(PDO::FETCH_ASSOC));
            break;
        case 'due':
            Capsule::$pdo->exec('UPDATE mod_zonecast_spool SET next_at = 0');
            break;
        case 'log':
            echo implode("\n", Capsule::$pdo->query('SELECT line FROM said')->fetchAll(PDO::FETCH_COLUMN));
            break;
    }
}
