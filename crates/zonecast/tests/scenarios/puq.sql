-- MySQL dump 10.13, as mysqldump writes it; the tables of PUQ's Proxmox KVM module and WHMCS's services.
/*!40101 SET NAMES utf8mb4 */;

CREATE TABLE `puq_proxmox_kvm_dns_zones` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `zone` varchar(255) NOT NULL,
  `type` varchar(50) NOT NULL,
  `server` text DEFAULT NULL,
  `api_key` text,
  `account_id` text,
  `zone_id` text,
  `api_token` text,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
INSERT INTO `puq_proxmox_kvm_dns_zones` VALUES
(1,'vps.example.','PowerDNS','@SERVER@','@KEY@',NULL,NULL,NULL),
(2,'2.0.192.in-addr.arpa','PowerDNS','@SERVER@/','@KEY@',NULL,NULL,NULL),
(3,'8.b.d.0.1.0.0.2.ip6.arpa.','PowerDNS','http://127.0.0.1:9','__KEEP__',NULL,NULL,NULL),
(4,'example.net','Cloudflare',NULL,NULL,'acc','zid','__KEEP__'),
(5,'example.org','NamesDaemon',NULL,NULL,NULL,NULL,NULL),
(6,'example.info','HestiaCP','https://hestia.example.com:8083','x',NULL,NULL,NULL);

CREATE TABLE `puq_proxmox_kvm_ip_pools` (
  `id` int(10) unsigned NOT NULL AUTO_INCREMENT,
  `server_id` int(11), `type` varchar(10), `bridge` varchar(20), `vlan` int(11), `gateway` varchar(50),
  `mask` varchar(20), `dns1` varchar(50), `dns2` varchar(50), `address_start` varchar(50), `address_stop` varchar(50),
  PRIMARY KEY (`id`), KEY `server` (`server_id`)
);
INSERT INTO `puq_proxmox_kvm_ip_pools` VALUES (1,1,'IPv4','vmbr0',0,'192.0.2.1','24','8.8.8.8','1.1.1.1','192.0.2.2','192.0.2.100'),
(2,2,'IPv4','vmbr1',0,'192.0.2.1','255.255.255.0',NULL,NULL,'192.0.2.101','192.0.2.200'),
(3,1,'IPv6','vmbr0',0,'2001:db8::1','120',NULL,NULL,'2001:db8::2','2001:db8::50'),
(4,1,'IPv4','vmbr0',0,'198.51.100.1','64',NULL,NULL,'198.51.100.2','198.51.100.9');

CREATE TABLE `tblhosting` (
  `id` int(10) NOT NULL, `userid` int(10), `domain` text NOT NULL, `domainstatus` enum('Pending','Active','Suspended','Terminated','Cancelled','Fraud'),
  `notes` text, `dedicatedip` text, `assignedips` text, PRIMARY KEY (`id`), KEY `domain` (`domain`(64))
);
INSERT INTO `tblhosting` VALUES
(1,7,'shop.example.com','Active','a web shop; no VM','',''),
(101,7,'101-1776530141.vps.example','Active','it''s (one)','192.0.2.11','192.0.2.12\r\n2001:0db8:0000:0000:0000:0000:0000:0011\r\n2001:db8::12'),
(102,7,'102-1776530142.vps.example','Active','','192.0.2.13',''),
(103,7,'103.VPS.example.','Suspended','','192.0.2.14',''),
(104,7,'','Active','','192.0.2.15',''),
(105,7,'105','Active','','192.0.2.16',''),
(106,7,'106.vps.example','Active','','192.0.2.17',''),
(107,7,'107.vps.example','Active','','192.0.2.18',''),
(108,7,'108.vps.example','Active','','','2001:db8::18'),
(109,7,'109.vps.example','Active','','192.0.2.20',''),
(110,7,'110.vps.example','Active','','192.0.2.21',''),
(111,7,'111.vps.example','Terminated','','192.0.2.22',''),
(112,7,'112.vps.example','Active','','192.0.2.23',''),
(113,7,'113.vps.example','Active','','192.0.2.300',''),
(114,7,'110.vps.example','Active','','192.0.2.24',''),
(115,7,'11_5..vps.example','Active','','192.0.2.25',''),
(116,7,'116.vps.example','Pending','','','');

CREATE TABLE `puqProxmoxKVM_vm_info` (
  `service_id` int(11) NOT NULL, `vm_id` int(11), `vm_name` varchar(255), `vm_status` varchar(255), `vm_net0_mac` varchar(255),
  `vm_rev_dns` text, `vm_last_action_log` longtext, PRIMARY KEY (`service_id`)
);
INSERT INTO `puqProxmoxKVM_vm_info` VALUES
(101,2001,'101-1776530141','ready','','{\"192.0.2.11\":\"mail.example.com\",\"192.0.2.12\":\"101-1776530141.vps.example\",\"2001:0db8:0000:0000:0000:0000:0000:0011\":\"101-1776530141.vps.example\"}','{"steps":[{"label":"it\'s; (done)"}]}'),
(102,2002,'102-1776530142','set_dns_records','','[]',NULL),
(103,2003,'103','ready','',NULL,NULL),
(104,2004,'104-1776530144','ready','','{"192.0.2.15":"104-1776530144.vps.example"}',NULL),
(105,2005,'105-x','ready','','',NULL),
(106,2006,'106','ready','','{"192.0.2.17":"","192.0.2.13":"old.vps.example"}',NULL),
(107,2007,'107','cp_firewall','','{}',NULL),
(108,2008,'108','ready','','{}',NULL),
(109,2009,'109','ready','','{}',NULL),
(110,2010,'110','ready','','{}',NULL);
INSERT INTO `puqProxmoxKVM_vm_info` VALUES (111,0,'111','ready','','{}',NULL),
(112,2012,'112','ready','','a:1:{s:9:"192.0.2.23";}',NULL),(113,2013,'113','ready','','{}',NULL),
(114,2014,'114','ready','','{}',NULL),(115,2015,'115','ready','','{}',NULL),(116,0,'116','creation','','',NULL),
(117,2017,'117','error_terminate','','{"192.0.2.30":"117.vps.example"}',NULL);
INSERT INTO `puqProxmoxKVM_vm_info` VALUES (118,2018,'118');
