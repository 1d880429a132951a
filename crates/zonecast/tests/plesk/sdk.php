<?php

/**
 * As much of Plesk's SDK as the extension touches; what Plesk keeps is one JSON file.
 *
 *   php sdk.php STATE script NAME                 runs plib/scripts/NAME, as `extension --exec zonecast NAME` does
 *   php sdk.php STATE page ACTION get|post JSON   runs an action of the page and prints what an admin would see
 *
 * The state: "settings", "calls" (of command line utilities), "domains", "client" ("admin" or another), "refuse"
 * (a utility that fails).
 */

define('PRODUCT_ROOT', getenv('PLESK_ROOT'));
const PLIB = __DIR__ . '/../../../../extras/plesk-extension/plib';

final class State
{
    public static $file;

    public static function change(callable $change)
    {
        $handle = fopen(self::$file, 'c+');
        flock($handle, LOCK_EX);
        $state = json_decode((string) stream_get_contents($handle), true) ?: [];
        $answer = $change($state);
        ftruncate($handle, 0);
        rewind($handle);
        fwrite($handle, json_encode($state));
        fclose($handle);
        return $answer;
    }
}

class pm_Exception extends Exception
{
}

class pm_Loader
{
    public static function registerAutoload()
    {
        spl_autoload_register(function ($class) {
            if (strpos($class, 'Modules_Zonecast_') === 0) {
                require PLIB . '/library/' . str_replace('_', '/', substr($class, 17)) . '.php';
            }
        });
    }
}

class pm_Context
{
    private static $id = '';

    public static function init($id)
    {
        self::$id = $id;
    }

    public static function getModuleId()
    {
        return self::$id;
    }

    public static function getVarDir()
    {
        return dirname(State::$file) . '/';
    }

    public static function getModulesListUrl()
    {
        return '/admin/extension';
    }

    public static function getActionUrl($controller, $action = 'index')
    {
        return "/modules/zonecast/index.php/$controller/$action";
    }
}

class pm_Settings
{
    public static function get($name, $default = null)
    {
        return State::change(fn ($state) => $state['settings'][$name] ?? $default);
    }

    public static function set($name, $value)
    {
        State::change(function (&$state) use ($name, $value) {
            $state['settings'][$name] = $value;
        });
    }
}

final class pm_Crypt
{
    public static function encrypt($text)
    {
        return 'sealed:' . base64_encode(strrev($text));
    }

    public static function decrypt($text)
    {
        return strrev(base64_decode(substr($text, 7)));
    }
}

class pm_ApiCli
{
    public static function call($command, $args = [])
    {
        $refused = State::change(function (&$state) use ($command, $args) {
            $state['calls'][] = [$command, ...$args];
            return ($state['refuse'] ?? '') === $command;
        });
        if ($refused) {
            throw new pm_Exception("$command failed: Unable to <set> it");
        }
    }
}

class pm_Locale
{
    public static function lmsg($key, $params = [])
    {
        require PLIB . '/resources/locales/en-US.php';
        if (!isset($messages[$key])) {
            throw new pm_Exception("no message $key");
        }
        $text = $messages[$key];
        foreach ($params as $name => $value) {
            $text = str_replace("%%$name%%", $value, $text);
        }
        return $text;
    }
}

class pm_Domain
{
    private $name;

    public static function getAllDomains()
    {
        return array_map(function ($name) {
            $domain = new self();
            $domain->name = $name;
            return $domain;
        }, State::change(fn ($state) => $state['domains'] ?? []));
    }

    public function getName()
    {
        return $this->name;
    }

    public function getDisplayName()
    {
        return $this->name;
    }
}

class pm_Session
{
    public static function getClient()
    {
        return new class {
            public function isAdmin()
            {
                return State::change(fn ($state) => $state['client'] ?? 'admin') === 'admin';
            }
        };
    }
}

class pm_Form_Simple
{
    private $elements = [];
    private $values = [];

    public function __construct($options = [])
    {
        $this->init();
    }

    public function init()
    {
    }

    public function addElement($kind, $name = null, $options = null)
    {
        $this->elements[$name] = ['kind' => $kind] + $options;
    }

    public function addControlButtons($params = null)
    {
    }

    public function isValid($data)
    {
        foreach ($this->elements as $name => $element) {
            $value = $data[$name] ?? '';
            if (($element['required'] ?? false) && $value === '') {
                return false;
            }
            foreach ($element['validators'] ?? [] as $validator) {
                if ($validator[0] === 'Regex' && !preg_match($validator[2]['pattern'], $value)) {
                    return false;
                }
            }
            $this->values[$name] = $value;
        }
        return true;
    }

    public function getValue($name)
    {
        return $this->values[$name] ?? null;
    }

    public function __toString()
    {
        $text = '';
        foreach ($this->elements as $name => $element) {
            $text .= "$name ({$element['kind']}): {$element['value']} | {$element['label']} | " . ($element['description'] ?? '') . "\n";
        }
        return $text;
    }
}

class pm_View_List_Simple
{
    protected $data = [];
    protected $columns = [];

    public function __construct($view, $request, $options = [])
    {
    }

    public function setColumns($columns)
    {
        $this->columns = $columns;
    }

    public function setData($data)
    {
        $this->data = $data;
    }

    public function setDataUrl($params)
    {
    }

    public function fetchData()
    {
        return $this->data;
    }

    public function __toString()
    {
        $text = '';
        foreach ($this->data as $row) {
            foreach ($this->columns as $name => $column) {
                $text .= (($column['noEscape'] ?? false) ? $row[$name] : htmlspecialchars($row[$name])) . ' | ';
            }
            $text .= "\n";
        }
        return $text;
    }
}

/** What ends an action early: a redirection or a JSON answer. */
final class Answered extends Exception
{
}

class pm_Controller_Action
{
    public $view;
    public $_status;
    public $_helper;
    public $request;

    public function init()
    {
    }

    public function getRequest()
    {
        return $this->request;
    }

    public function _getParam($name)
    {
        return $this->request->params[$name] ?? null;
    }

    public function _redirect($url)
    {
        throw new Answered("redirect: $url");
    }
}

#[AllowDynamicProperties]
final class View
{
    public function renderTabs($tabs)
    {
        return implode(' / ', array_column($tabs, 'title')) . "\n";
    }

    public function renderList($list)
    {
        return (string) $list;
    }

    public function renderTools($tools)
    {
        return implode("\n", array_map(fn ($tool) => "{$tool['title']}: {$tool['description']} {$tool['link']}", $tools)) . "\n";
    }

    public function escape($text)
    {
        return htmlspecialchars($text, ENT_QUOTES);
    }

    public function url($parts)
    {
        return "/modules/zonecast/index.php/index/{$parts['action']}";
    }

    public function show($action)
    {
        require PLIB . "/views/scripts/index/$action.phtml";
    }
}

State::$file = $argv[1];
if ($argv[2] === 'script') {
    require PLIB . "/scripts/$argv[3]";
    exit;
}
pm_Loader::registerAutoload();
pm_Context::init('zonecast');
require PLIB . '/controllers/IndexController.php';
$controller = new IndexController();
$controller->request = new class ($argv[4] === 'post', json_decode($argv[5] ?? '{}', true)) {
    public function __construct(public bool $post, public array $params)
    {
    }

    public function isPost()
    {
        return $this->post;
    }

    public function getPost()
    {
        return $this->params;
    }
};
$controller->view = new View();
$controller->_status = new class {
    public function addMessage($kind, $text)
    {
        echo "$kind: $text\n";
    }
};
$controller->_helper = new class {
    public function json($data)
    {
        throw new Answered('json: ' . json_encode($data, JSON_UNESCAPED_SLASHES));
    }

    public function url($action)
    {
        return "/modules/zonecast/index.php/index/$action";
    }
};
try {
    $controller->init();
    $controller->{lcfirst(str_replace('-', '', ucwords($argv[3], '-'))) . 'Action'}();
    $controller->view->show($argv[3]);
} catch (Answered $answer) {
    echo $answer->getMessage(), "\n";
}
