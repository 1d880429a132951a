<?php

/** The extension's page, for admins of Plesk. */
class IndexController extends pm_Controller_Action
{
    public function init()
    {
        parent::init();
        if (!pm_Session::getClient()->isAdmin()) {
            throw new pm_Exception('Permission denied');
        }
        $this->view->pageTitle = pm_Locale::lmsg('pageTitle');
        $this->view->tabs = [
            ['title' => pm_Locale::lmsg('settingsTab'), 'action' => 'index'],
            ['title' => pm_Locale::lmsg('domainsTab'), 'action' => 'domains'],
            ['title' => pm_Locale::lmsg('toolsTab'), 'action' => 'tools'],
        ];
    }

    public function indexAction()
    {
        $form = new Modules_Zonecast_Form_Settings();
        if ($this->getRequest()->isPost() && $form->isValid($this->getRequest()->getPost())) {
            $this->attempt(function () use ($form) {
                $form->process();
                return pm_Locale::lmsg('saved');
            });
            $this->_helper->json(['redirect' => pm_Context::getActionUrl('index', 'tools')]);
        }
        $this->view->form = $form;
    }

    public function domainsAction()
    {
        $this->view->list = new Modules_Zonecast_List_Domains($this->view, $this->getRequest());
    }

    public function domainsDataAction()
    {
        $this->_helper->json((new Modules_Zonecast_List_Domains($this->view, $this->getRequest()))->fetchData());
    }

    public function switchAction()
    {
        $this->onlyPost();
        $domain = strtolower((string) $this->_getParam('domain'));
        $on = $this->_getParam('on') === '1';
        Modules_Zonecast_Settings::switchDomain($domain, $on);
        $this->_status->addMessage('info', pm_Locale::lmsg($on ? 'switchedOn' : 'switchedOff', ['domain' => $domain]));
        $this->_redirect('index/domains');
    }

    public function toolsAction()
    {
        $tools = [];
        foreach (['test' => 'sb-app-info', 'send-all' => 'sb-refresh', 'register' => 'sb-plug', 'release' => 'sb-unplug'] as $action => $class) {
            $tools[] = [
                'title' => pm_Locale::lmsg("$action-title"),
                'description' => pm_Locale::lmsg("$action-hint"),
                'class' => $class,
                'link' => "javascript:Jsw.redirectPost('" . $this->_helper->url($action) . "')",
            ];
        }
        $this->view->tools = $tools;
    }

    public function testAction()
    {
        $this->onlyPost();
        [$ok, $words] = Modules_Zonecast_Backend::test();
        $this->_status->addMessage($ok ? 'info' : 'error', $words);
        $this->_redirect('index/tools');
    }

    public function sendAllAction()
    {
        $this->tool([Modules_Zonecast_Backend::class, 'sendAll'], 'send-all-done');
    }

    public function registerAction()
    {
        $this->tool([Modules_Zonecast_Backend::class, 'register'], 'register-done');
    }

    public function releaseAction()
    {
        $this->tool([Modules_Zonecast_Backend::class, 'release'], 'release-done');
    }

    private function tool(callable $do, string $done)
    {
        $this->onlyPost();
        $this->attempt(function () use ($do, $done) {
            $do();
            return pm_Locale::lmsg($done);
        });
        $this->_redirect('index/tools');
    }

    private function attempt(callable $do)
    {
        try {
            $this->_status->addMessage('info', $do());
        } catch (pm_Exception $error) {
            $this->_status->addMessage('error', $error->getMessage());
        }
    }

    private function onlyPost()
    {
        if (!$this->getRequest()->isPost()) {
            throw new pm_Exception('Permission denied');
        }
    }
}
