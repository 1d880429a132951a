<?php

/** Address and key of Zonecast. */
class Modules_Zonecast_Form_Settings extends pm_Form_Simple
{
    public function init()
    {
        parent::init();
        $this->addElement('text', 'url', [
            'label' => pm_Locale::lmsg('urlLabel'),
            'description' => pm_Locale::lmsg('urlHint'),
            'value' => pm_Settings::get('url', ''),
            'class' => 'f-large-size',
            'required' => true,
            'validators' => [['NotEmpty', true], ['Regex', true, ['pattern' => '#^https?://[^\s/]+#i']]],
        ]);
        $stored = pm_Settings::get('key', '') !== '';
        $this->addElement('password', 'key', [
            'label' => pm_Locale::lmsg('keyLabel'),
            'description' => pm_Locale::lmsg($stored ? 'keyKeepHint' : 'keyHint'),
            'value' => '',
            'class' => 'f-large-size',
            'required' => !$stored,
        ]);
        $this->addElement('text', 'program', [
            'label' => pm_Locale::lmsg('programLabel'),
            'description' => pm_Locale::lmsg('programHint'),
            'value' => pm_Settings::get('program', ''),
            'class' => 'f-large-size',
        ]);
        $this->addElement('checkbox', 'enabled', [
            'label' => pm_Locale::lmsg('enabledLabel'),
            'value' => Modules_Zonecast_Settings::isEnabled(),
        ]);
        $this->addControlButtons(['cancelLink' => pm_Context::getModulesListUrl()]);
    }

    public function process()
    {
        Modules_Zonecast_Settings::save(
            (string) $this->getValue('url'),
            (string) $this->getValue('key'),
            (string) $this->getValue('program'),
            (bool) $this->getValue('enabled')
        );
    }
}
