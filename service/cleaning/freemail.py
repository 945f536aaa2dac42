"""Mail providers whose domain says nothing about where somebody works."""

from __future__ import annotations

from typing import Final

_WORLD: Final = """
gmail.com googlemail.com outlook.com hotmail.com live.com msn.com passport.com windowslive.com yahoo.com ymail.com rocketmail.com
myyahoo.com icloud.com me.com mac.com aol.com aim.com proton.me protonmail.com protonmail.ch pm.me tutanota.com tutanota.de
tutamail.com tuta.io tuta.com keemail.me zoho.com zohomail.com zohomail.eu mail.com email.com usa.com gmx.com gmx.us fastmail.com
fastmail.fm hushmail.com hey.com inbox.com lycos.com excite.com netscape.net yandex.com duck.com mailbox.org posteo.net runbox.com
startmail.com disroot.org riseup.net mail2world.com safe-mail.net
"""

_GERMAN: Final = """
gmx.de gmx.net gmx.at gmx.ch gmx.eu gmx.info gmx.org web.de t-online.de freenet.de arcor.de posteo.de posteo.eu online.de
vodafone.de vodafonemail.de kabelmail.de unitybox.de 1und1.de alice.de alice-dsl.net o2online.de o2mail.de ewetel.net ewe.net
outlook.de hotmail.de live.de yahoo.de ymail.de mail.de email.de magenta.de netcologne.de onlinehome.de versanet.de t-online.at
aon.at a1.net chello.at inode.at kabsi.at utanet.at hotmail.at live.at outlook.at yahoo.at bluewin.ch sunrise.ch hispeed.ch
hotmail.ch outlook.ch yahoo.ch sunrise.net gmx.li mailbox.de freemail.de firemail.de smart-mail.de
"""

_CHINESE: Final = """
qq.com vip.qq.com foxmail.com 163.com vip.163.com 126.com vip.126.com 188.com yeah.net sina.com sina.cn vip.sina.com sohu.com
vip.sohu.com 139.com 189.cn wo.cn wo.com.cn aliyun.com tom.com 21cn.com 263.net 263.net.cn eyou.com 2980.com yahoo.com.cn yahoo.cn
hotmail.com.cn outlook.com.cn live.cn china.com yahoo.com.hk yahoo.com.tw hinet.net msa.hinet.net pchome.com.tw seed.net.tw
netvigator.com hotmail.com.tw hotmail.com.hk
"""

_ASIA_PACIFIC: Final = """
yahoo.co.jp ymail.ne.jp docomo.ne.jp ezweb.ne.jp au.com softbank.ne.jp i.softbank.jp nifty.com biglobe.ne.jp outlook.jp hotmail.co.jp
live.jp excite.co.jp infoseek.jp naver.com hanmail.net daum.net kakao.com nate.com hotmail.co.kr yahoo.co.kr yahoo.co.in yahoo.in
rediffmail.com rediff.com indiatimes.com hotmail.co.in live.in outlook.in sify.com yahoo.com.sg singnet.com.sg hotmail.sg
outlook.sg live.com.sg yahoo.com.my hotmail.my outlook.my yahoo.co.id ymail.co.id yahoo.com.ph outlook.ph yahoo.co.th hotmail.co.th
outlook.co.th yahoo.com.vn yahoo.com.au bigpond.com bigpond.net.au optusnet.com.au hotmail.com.au live.com.au outlook.com.au
iinet.net.au tpg.com.au internode.on.net yahoo.co.nz xtra.co.nz hotmail.co.nz
"""

_EUROPE: Final = """
yahoo.co.uk hotmail.co.uk live.co.uk outlook.co.uk btinternet.com btopenworld.com sky.com talktalk.net virginmedia.com virgin.net
ntlworld.com blueyonder.co.uk tiscali.co.uk o2.co.uk plusnet.com yahoo.ie hotmail.ie eircom.net yahoo.fr ymail.fr hotmail.fr live.fr
outlook.fr orange.fr wanadoo.fr free.fr sfr.fr laposte.net neuf.fr bbox.fr aliceadsl.fr gmx.fr numericable.fr club-internet.fr
yahoo.it hotmail.it live.it outlook.it libero.it virgilio.it alice.it tin.it tim.it tiscali.it fastwebnet.it inwind.it iol.it
email.it yahoo.es hotmail.es outlook.es live.es telefonica.net terra.es ono.com gmx.es yahoo.pt hotmail.pt outlook.pt sapo.pt
live.com.pt hotmail.nl live.nl outlook.nl yahoo.nl ziggo.nl kpnmail.nl planet.nl hetnet.nl home.nl xs4all.nl upcmail.nl casema.nl
telenet.be skynet.be hotmail.be live.be outlook.be proximus.be scarlet.be yahoo.se hotmail.se live.se outlook.se telia.com spray.se
bredband.net yahoo.no hotmail.no online.no live.no yahoo.dk hotmail.dk live.dk outlook.dk jubii.dk hotmail.fi luukku.com wp.pl o2.pl
onet.pl onet.eu op.pl interia.pl interia.eu poczta.fm gazeta.pl tlen.pl poczta.onet.pl seznam.cz email.cz centrum.cz post.cz atlas.cz
volny.cz azet.sk zoznam.sk centrum.sk freemail.hu citromail.hu indamail.hu t-online.hu yahoo.gr hotmail.gr otenet.gr yahoo.ro abv.bg
mail.bg mail.ru bk.ru inbox.ru list.ru internet.ru yandex.ru ya.ru rambler.ru yandex.by tut.by ukr.net i.ua meta.ua bigmir.net
inbox.lv inbox.lt mail.ee hotmail.com.tr yahoo.com.tr mynet.com walla.co.il walla.com yahoo.ae hotmail.ae
"""

_AMERICAS_AFRICA: Final = """
comcast.net verizon.net att.net sbcglobal.net bellsouth.net cox.net charter.net earthlink.net optonline.net roadrunner.com rr.com
frontier.com frontiernet.net windstream.net centurylink.net mindspring.com juno.com netzero.net ameritech.net pacbell.net
prodigy.net suddenlink.net yahoo.ca hotmail.ca live.ca outlook.ca rogers.com bell.net sympatico.ca shaw.ca telus.net videotron.ca
yahoo.com.mx hotmail.com.mx live.com.mx outlook.com.mx prodigy.net.mx yahoo.com.br hotmail.com.br outlook.com.br live.com.br
bol.com.br uol.com.br terra.com.br ig.com.br globo.com globomail.com r7.com oi.com.br zipmail.com.br yahoo.com.ar hotmail.com.ar
outlook.com.ar live.com.ar fibertel.com.ar arnet.com.ar speedy.com.ar yahoo.cl hotmail.cl outlook.cl live.cl yahoo.com.co
hotmail.com.co outlook.es yahoo.com.pe outlook.com.pe yahoo.com.ve cantv.net yahoo.co.za hotmail.co.za webmail.co.za mweb.co.za
telkomsa.net yahoo.com.ng
"""

FREE_MAIL: Final = frozenset(f"{_WORLD}{_GERMAN}{_CHINESE}{_ASIA_PACIFIC}{_EUROPE}{_AMERICAS_AFRICA}".split())
"""Their domains, in ASCII and lower case."""
