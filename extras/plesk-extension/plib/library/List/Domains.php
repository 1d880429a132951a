<?php

/** The domains of this server: on or off, and what came of the last change of each. */
class Modules_Zonecast_List_Domains extends pm_View_List_Simple
{
    public function __construct($view, $request, $options = [])
    {
        parent::__construct($view, $request, $options);
        $this->setColumns([
            'domain' => ['title' => pm_Locale::lmsg('domainColumn'), 'searchable' => true],
            'state' => ['title' => pm_Locale::lmsg('stateColumn')],
            'last' => ['title' => pm_Locale::lmsg('lastColumn')],
            'said' => ['title' => pm_Locale::lmsg('saidColumn'), 'noEscape' => true],
            'switch' => ['title' => '', 'noEscape' => true, 'sortable' => false],
        ]);
        $this->setData($this->rows($view));
        $this->setDataUrl(['action' => 'domains-data']);
    }

    private function rows($view): array
    {
        $outcomes = (new Modules_Zonecast_Outcomes(pm_Context::getVarDir()))->all();
        $off = Modules_Zonecast_Settings::off();
        $rows = [];
        foreach (pm_Domain::getAllDomains() as $domain) {
            $name = strtolower($domain->getName());
            $outcome = $outcomes[$name] ?? null;
            $isOff = in_array($name, $off, true);
            $link = $view->escape($view->url(['action' => 'switch']) . '?domain=' . rawurlencode($name) . '&on=' . ($isOff ? '1' : '0'));
            $rows[] = [
                'domain' => $domain->getDisplayName(),
                'state' => pm_Locale::lmsg($isOff ? 'stateOff' : ($outcome === null ? 'stateNever' : ($outcome['ok'] ? 'stateOk' : 'stateTrouble'))),
                'last' => $outcome === null ? '' : gmdate('Y-m-d H:i:s', $outcome['at']) . ' UTC',
                'said' => implode('<br>', array_map([$view, 'escape'], $outcome['lines'] ?? [])),
                'switch' => "<a class='s-btn' data-method='post' href='$link'>" . $view->escape(pm_Locale::lmsg($isOff ? 'switchOn' : 'switchOff')) . '</a>',
            ];
        }
        return $rows;
    }
}
